-- The day (UTC) on which an account was opened, which never changes, and the rewards that it has had.
SELECT (a.created_at AT TIME ZONE 'UTC')::date AS opened_on,
       ARRAY(SELECT g.source_ref FROM token_grant g WHERE g.account_id = a.account_id AND g.source = 'LOYALTY') AS refs
  FROM ledger_account a WHERE a.account_id = $1 AND a.tenant_id = $2
