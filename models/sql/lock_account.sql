-- Takes the lock under which everything of an account is written.
SELECT 1 FROM ledger_account WHERE account_id = $1 FOR NO KEY UPDATE
