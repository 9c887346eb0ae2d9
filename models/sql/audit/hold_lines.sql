-- What a hold captured, rounded up and refunded is the sum of its captured lines, and it counts them right.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('captured, rounding, refunded, captures: its captured lines add up to %s, %s, %s, %s, found %s, %s, %s, %s',
              coalesce(l.amount, 0), coalesce(l.rounding, 0), coalesce(l.refunded, 0), coalesce(l.lines, 0),
              h.captured, h.rounding, h.refunded, h.captures) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, sum(amount) AS amount, sum(CASE WHEN rounding THEN amount ELSE 0 END) AS rounding,
                    sum(refunded) AS refunded, count(*) AS lines
               FROM captured_line GROUP BY account_id, hold_id) l
    ON l.account_id = h.account_id AND l.hold_id = h.hold_id
 WHERE h.captured <> coalesce(l.amount, 0) OR h.rounding <> coalesce(l.rounding, 0)
    OR h.refunded <> coalesce(l.refunded, 0) OR h.captures <> coalesce(l.lines, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
