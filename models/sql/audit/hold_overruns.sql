-- The overrun of a hold is what its captures spent beyond what they took off it.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       format('overrun: its entries add up to %s, found %s', coalesce(e.overrun, 0), h.overrun) AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, hold_id, sum(spent + held_change) AS overrun FROM entry
              WHERE kind IN ('CAPTURE', 'ROUNDING') GROUP BY account_id, hold_id) e
    ON e.account_id = h.account_id AND e.hold_id = h.hold_id
 WHERE h.overrun <> coalesce(e.overrun, 0)
 ORDER BY h.account_id, h.hold_id LIMIT $1
