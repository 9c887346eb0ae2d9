-- An account's time stands at its latest entry, or where it began.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('last_at: its latest entry is of %s, found %s', coalesce(e.at, a.created_at), a.last_at) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT l.account_id, n.at
               FROM (SELECT account_id, max(version) AS version FROM entry GROUP BY account_id) l
               JOIN entry n ON n.account_id = l.account_id AND n.version = l.version) e
    ON e.account_id = a.account_id
 WHERE a.last_at <> coalesce(e.at, a.created_at)
 ORDER BY a.account_id LIMIT $1
