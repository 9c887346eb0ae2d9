-- A grant is open as long as tokens are left of it: the writer loads no other.
SELECT format('account %s token_grant %s', account_id, grant_id) AS "where",
       format('open: expected %s with %s remaining, found %s', remaining > 0, remaining, open) AS message
  FROM token_grant
 WHERE open <> (remaining > 0)
 ORDER BY account_id, grant_id LIMIT $1
