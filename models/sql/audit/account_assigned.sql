-- What is assigned to members and projects is what their grants have left.
SELECT format('account %s ledger_account', a.account_id) AS "where",
       format('assigned: its assigned grants have %s left, found %s', coalesce(g.remaining, 0), a.assigned) AS message
  FROM ledger_account a
  LEFT JOIN (SELECT account_id, sum(remaining) AS remaining FROM token_grant
              WHERE member_id IS NOT NULL OR project IS NOT NULL GROUP BY account_id) g
    ON g.account_id = a.account_id
 WHERE a.assigned <> coalesce(g.remaining, 0)
 ORDER BY a.account_id LIMIT $1
