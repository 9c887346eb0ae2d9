-- What the entries say an account has is what its grants have left.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('remaining of its grants: its entries add up to %s, found %s',
              coalesce(e.total, 0), coalesce(g.remaining, 0)) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(total_change) AS total FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
  LEFT JOIN (SELECT account_id, sum(remaining) AS remaining FROM token_grant GROUP BY account_id) g
    ON g.account_id = a.account_id
 WHERE coalesce(e.total, 0) <> coalesce(g.remaining, 0)
 ORDER BY a.account_id LIMIT $1
