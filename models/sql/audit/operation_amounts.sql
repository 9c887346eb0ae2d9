-- What the operations on a hold answered, charged and given back, is what the hold says; and one operation made it.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('operations: expected one reserve or charge, %s captured and %s refunded, found %s, %s and %s',
              h.captured, h.refunded, coalesce(o.makers, 0), coalesce(o.captured, 0), coalesce(o.refunded, 0)) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id,
                    count(*) FILTER (WHERE mutation IN ('reserve', 'charge')) AS makers,
                    coalesce(sum(amount) FILTER (WHERE mutation IN ('commit', 'charge')), 0) AS captured,
                    coalesce(sum(amount) FILTER (WHERE mutation = 'refund'), 0) AS refunded
               FROM operation WHERE hold_id IS NOT NULL GROUP BY account_id, hold_id) o
    ON o.account_id = h.account_id AND o.hold_id = h.hold_id
 WHERE coalesce(o.makers, 0) <> 1 OR h.captured <> coalesce(o.captured, 0) OR h.refunded <> coalesce(o.refunded, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
