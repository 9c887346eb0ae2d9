-- What an account owes, drawn on the credit line and clawed back together, is the sum of its entries.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('credit_drawn + clawed_back: its entries add up to %s, found %s + %s',
              coalesce(e.owed, 0), a.credit_drawn, a.clawed_back) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(owed_change) AS owed FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
 WHERE a.credit_drawn::numeric + a.clawed_back <> coalesce(e.owed, 0)
 ORDER BY a.account_id LIMIT $1
