-- What a hold captured, by grant, in the order in which they were taken; the credit line is the one without a grant.
SELECT l.grant_id, g.source, sum(l.captured)::bigint AS captured, sum(l.refunded)::bigint AS refunded
  FROM hold_allocation l LEFT JOIN token_grant g ON g.account_id = l.account_id AND g.grant_id = l.grant_id
 WHERE l.account_id = $1 AND l.hold_id = $2 AND l.captured > 0
 GROUP BY l.grant_id, g.source ORDER BY min(l.ordinal)
