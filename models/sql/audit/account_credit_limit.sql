-- An account's credit limit is the one that its latest entry was judged by, 0 without entries.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('credit_limit: its latest entry says %s, found %s', coalesce(e.credit_limit, 0), a.credit_limit) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT l.account_id, n.credit_limit
               FROM (SELECT account_id, max(version) AS version FROM entry GROUP BY account_id) l
               JOIN entry n ON n.account_id = l.account_id AND n.version = l.version) e
    ON e.account_id = a.account_id
 WHERE a.credit_limit <> coalesce(e.credit_limit, 0)
 ORDER BY a.account_id LIMIT $1
