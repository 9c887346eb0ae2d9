-- Of what an account owes, clawed back is what clawbacks made of it, less what incoming tokens paid.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('clawed_back: its entries add up to %s, found %s',
              coalesce(e.clawed_back, 0), a.clawed_back) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(clawed_change) AS clawed_back
               FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
 WHERE a.clawed_back <> coalesce(e.clawed_back, 0)
 ORDER BY a.account_id LIMIT $1
