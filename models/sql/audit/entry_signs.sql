-- Each kind of entry changes only what it may, in the direction that it may.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('%s: a change that this kind never makes: total %s, held %s, owed %s (clawed back %s), spent %s',
              kind, total_change, held_change, owed_change, clawed_change, spent) AS message
  FROM entry
 WHERE NOT (CASE kind
           WHEN 'GRANT' THEN total_change > 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           WHEN 'HOLD' THEN total_change = 0 AND held_change >= 0 AND owed_change = 0 AND spent = 0
           -- What comes off the hold is at most what was spent; the difference is overrun.
           WHEN 'CAPTURE' THEN total_change <= 0 AND owed_change >= 0 AND spent = owed_change - total_change
                               AND held_change BETWEEN -spent AND 0
           WHEN 'ROUNDING' THEN total_change <= 0 AND owed_change >= 0 AND spent = owed_change - total_change
                                AND held_change BETWEEN -spent AND 0
           WHEN 'RELEASE' THEN total_change = 0 AND held_change <= 0 AND owed_change = 0 AND spent = 0
           WHEN 'REFUND' THEN total_change >= 0 AND held_change = 0 AND owed_change <= 0 AND spent < 0
                              AND spent = owed_change - total_change
           WHEN 'EXPIRY' THEN total_change < 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           WHEN 'REVOCATION' THEN total_change <= 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           WHEN 'CLAWBACK' THEN total_change <= 0 AND held_change = 0 AND owed_change >= 0 AND spent = 0
           WHEN 'SETTLEMENT' THEN owed_change < 0 AND total_change IN (0, owed_change) AND held_change = 0 AND spent = 0
           WHEN 'TRANSFER' THEN total_change <> 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           WHEN 'ASSIGNMENT' THEN total_change = 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           WHEN 'ADJUSTMENT' THEN total_change = 0 AND held_change = 0 AND owed_change = 0 AND spent = 0
           ELSE false
           END
           -- Of what is owed, only clawbacks and settlements touch the part that was clawed back.
           AND CASE kind WHEN 'CLAWBACK' THEN clawed_change = owed_change
                         WHEN 'SETTLEMENT' THEN clawed_change BETWEEN owed_change AND 0
                                                AND (total_change = 0 OR clawed_change = owed_change)
                         ELSE clawed_change = 0 END)
 ORDER BY account_id, version LIMIT $1
