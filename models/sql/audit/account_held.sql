-- What an account holds is the sum of what its entries set aside and gave back.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('held: its entries add up to %s, found %s', coalesce(e.held, 0), a.held) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(held_change) AS held FROM entry GROUP BY account_id) e
    ON e.account_id = a.account_id
 WHERE a.held <> coalesce(e.held, 0)
 ORDER BY a.account_id LIMIT $1
