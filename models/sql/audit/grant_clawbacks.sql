-- What a clawed-back grant made owed is what was spent, settled and sent away of it; no other grant made anything owed.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('owed by clawback: spent %s + settled %s + transferred %s expected for a grant that ended as %s, its entries say %s',
              g.spent, g.settled, g.transferred, coalesce(g.ended, 'none'), coalesce(e.owed, 0)) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, grant_id, sum(owed_change) AS owed FROM entry
              WHERE kind = 'CLAWBACK' GROUP BY account_id, grant_id) e
    ON e.account_id = g.account_id AND e.grant_id = g.grant_id
 WHERE coalesce(e.owed, 0) <> CASE WHEN g.ended = 'CLAWED_BACK' THEN g.spent::numeric + g.settled + g.transferred ELSE 0 END
 ORDER BY g.account_id, g.grant_id LIMIT $1
