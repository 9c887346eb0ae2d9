-- A hold is the sum of its allocations: what remains, what was captured, returned and refunded.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('remaining, captured, returned, refunded: its allocations add up to %s, %s, %s, %s, found %s, %s, %s, %s',
              coalesce(l.held, 0), coalesce(l.captured, 0), coalesce(l.returned, 0), coalesce(l.refunded, 0),
              h.remaining, h.captured, h.returned, h.refunded) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, sum(held) AS held, sum(captured) AS captured, sum(returned) AS returned,
                    sum(refunded) AS refunded
               FROM hold_allocation GROUP BY account_id, hold_id) l
    ON l.account_id = h.account_id AND l.hold_id = h.hold_id
 WHERE h.remaining <> coalesce(l.held, 0) OR h.captured <> coalesce(l.captured, 0)
    OR h.returned <> coalesce(l.returned, 0) OR h.refunded <> coalesce(l.refunded, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
