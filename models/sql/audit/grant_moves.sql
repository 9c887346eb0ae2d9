-- What moved from a grant is what its assigned parts took and did not give back.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('moved: its assigned parts took %s, found %s', coalesce(p.taken, 0), g.moved) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, parent_id, sum(granted - moved) AS taken FROM token_grant
              WHERE parent_id IS NOT NULL GROUP BY account_id, parent_id) p
    ON p.account_id = g.account_id AND p.parent_id = g.grant_id
 WHERE g.parent_id IS NULL AND g.moved <> coalesce(p.taken, 0)
 ORDER BY g.account_id, g.grant_id LIMIT $1
