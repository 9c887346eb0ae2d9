-- What is held of a grant is what its allocations hold.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('held: its allocations add up to %s, found %s', coalesce(l.held, 0), g.held) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, grant_id, sum(held) AS held
               FROM hold_allocation WHERE grant_id IS NOT NULL GROUP BY account_id, grant_id) l
    ON l.account_id = g.account_id AND l.grant_id = g.grant_id
 WHERE g.held <> coalesce(l.held, 0)
 ORDER BY g.account_id, g.grant_id LIMIT $1
