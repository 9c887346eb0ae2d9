-- A page of all accounts of the ledger, by id, after $1; $2 accounts.
SELECT account_id FROM ledger_account WHERE account_id > $1 ORDER BY account_id LIMIT $2
