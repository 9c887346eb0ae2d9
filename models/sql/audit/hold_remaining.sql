-- What remains on a hold is what its entries set aside, took and gave back: what an account holds, its open holds hold.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('remaining: its entries add up to %s, found %s', coalesce(e.held, 0), h.remaining) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, sum(held_change) AS held FROM entry
              WHERE hold_id IS NOT NULL GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
 WHERE h.remaining <> coalesce(e.held, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
