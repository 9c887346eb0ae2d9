-- What fell due before an account's latest entry was settled before it: no hold is open and no unheld token left.
SELECT format('account %s %s', d.account_id, d.row_name) AS "where",
       format('expires_at: fell due at %s, but still stands at the latest entry of %s', d.expires_at, a.last_at) AS message
  FROM (SELECT account_id, 'hold ' || hold_id AS row_name, expires_at FROM hold WHERE open
        UNION ALL
        SELECT account_id, 'token_grant ' || grant_id, expires_at FROM token_grant
         WHERE ended IS NULL AND remaining > held AND expires_at IS NOT NULL) d
  JOIN ledger_account a ON a.account_id = d.account_id
 -- At that very instant more may be due than one batch settles.
 WHERE d.expires_at < a.last_at
 ORDER BY d.account_id, d.row_name LIMIT $1
