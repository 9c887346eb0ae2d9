-- What was spent of a grant is what its allocations captured, less what they gave back to it.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('spent: captured - refunded + redirected of its allocations add up to %s, found %s',
              coalesce(l.spent, 0), g.spent) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, grant_id, sum(captured - refunded + redirected) AS spent
               FROM hold_allocation WHERE grant_id IS NOT NULL GROUP BY account_id, grant_id) l
    ON l.account_id = g.account_id AND l.grant_id = g.grant_id
 WHERE g.spent <> coalesce(l.spent, 0)
 ORDER BY g.account_id, g.grant_id LIMIT $1
