-- An account's credit limit is the one that its latest entry was judged by, 0 without entries.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('credit_limit: its latest entry says %s, found %s', coalesce(e.credit_limit, 0), a.credit_limit) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT DISTINCT ON (account_id) account_id, credit_limit FROM entry ORDER BY account_id, version DESC) e
    ON e.account_id = a.account_id
 WHERE a.credit_limit <> coalesce(e.credit_limit, 0)
 ORDER BY a.account_id LIMIT $1
