-- An ended hold has nothing left and an end that fits its state: at its due instant if it expired, before it otherwise.
SELECT format('account %s hold %s', account_id, hold_id) AS "where",
       format('state %s does not fit: open %s, remaining %s, made at %s, due at %s, ended at %s',
              state, open, remaining, created_at, expires_at, coalesce(ended_at::text, 'no time')) AS message
  FROM hold
 WHERE NOT CASE state
           WHEN 'OPEN' THEN open AND ended_at IS NULL
           WHEN 'EXPIRED' THEN NOT open AND remaining = 0 AND coalesce(ended_at = expires_at, false)
           WHEN 'COMMITTED' THEN NOT open AND remaining = 0
                                 AND coalesce(ended_at >= created_at AND ended_at < expires_at, false)
           WHEN 'RELEASED' THEN NOT open AND remaining = 0
                                AND coalesce(ended_at >= created_at AND ended_at < expires_at, false)
           ELSE false
           END
 ORDER BY account_id, hold_id LIMIT $1
