SELECT account_id FROM ledger_account WHERE account_id = $1 AND tenant_id = $2
