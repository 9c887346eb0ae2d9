-- What an account has is the sum of what its entries brought and took.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('total: its entries add up to %s, found %s', coalesce(e.total, 0), a.total) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(total_change) AS total FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
 WHERE a.total <> coalesce(e.total, 0)
 ORDER BY a.account_id LIMIT $1
