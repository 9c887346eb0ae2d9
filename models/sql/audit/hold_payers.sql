-- Who paid for a hold's captures, grants or the credit line, is the same in its entries and its allocations.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('captured from grants: its entries add up to %s, its allocations to %s',
              coalesce(e.captured, 0), coalesce(l.captured, 0)) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, -sum(total_change) AS captured FROM entry
              WHERE kind IN ('CAPTURE', 'ROUNDING') GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
  LEFT JOIN (SELECT account_id, hold_id, sum(captured) AS captured FROM hold_allocation
              WHERE grant_id IS NOT NULL GROUP BY account_id, hold_id) l
    ON l.account_id = h.account_id AND l.hold_id = h.hold_id
 WHERE coalesce(e.captured, 0) <> coalesce(l.captured, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
