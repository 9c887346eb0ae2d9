-- An account's version is the one of its latest entry, 0 without entries.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('version: its latest entry has %s, found %s', coalesce(e.version, 0), a.version) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, max(version) AS version FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
 WHERE a.version <> coalesce(e.version, 0)
 ORDER BY a.account_id LIMIT $1
