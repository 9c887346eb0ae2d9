-- An account's time stands at its latest entry, or where it began.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('last_at: its latest entry is of %s, found %s', coalesce(e.at, a.created_at), a.last_at) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT DISTINCT ON (account_id) account_id, at FROM entry ORDER BY account_id, version DESC) e
    ON e.account_id = a.account_id
 WHERE a.last_at <> coalesce(e.at, a.created_at)
 ORDER BY a.account_id LIMIT $1
