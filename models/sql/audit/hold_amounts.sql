-- The amount of a hold is what its HOLD entries set aside.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('amount: its HOLD entries add up to %s, found %s', coalesce(e.amount, 0), h.amount) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, sum(held_change) AS amount FROM entry
              WHERE kind = 'HOLD' GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
 WHERE h.amount <> coalesce(e.amount, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
