-- What was refunded of a hold is what its REFUND entries gave back.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('refunded: its REFUND entries add up to %s, found %s', coalesce(e.refunded, 0), h.refunded) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, -sum(spent) AS refunded FROM entry
              WHERE kind = 'REFUND' GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
 WHERE h.refunded <> coalesce(e.refunded, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
