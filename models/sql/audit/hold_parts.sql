-- Every token of a hold is accounted for: amount + overrun = captured + returned + remaining.
SELECT format('account %s hold %s', account_id, hold_id) AS "where",
       format('amount %s + overrun %s: captured %s + returned %s + remaining %s is another sum',
              amount, overrun, captured, returned, remaining) AS message
  FROM hold
 WHERE amount::numeric + overrun <> captured::numeric + returned + remaining
 ORDER BY account_id, hold_id LIMIT $1
