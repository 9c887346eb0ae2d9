-- No figure is negative, and no part is greater than its whole.
SELECT format('account %s %s', f.account_id, f.row_name) AS "where", f.message
  FROM (SELECT account_id, 'ledger_account' AS row_name,
               format('total %s, held %s, credit_drawn %s, clawed_back %s, credit_limit %s: expected nothing below 0'
                      ' (the limit: below -1)', total, held, credit_drawn, clawed_back, credit_limit) AS message
          FROM ledger_account
         WHERE least(total, held, credit_drawn, clawed_back, credit_limit + 1) < 0
        UNION ALL
        SELECT account_id, 'token_grant ' || grant_id,
               format('granted %s, remaining %s, held %s, spent %s, settled %s, moved %s, transferred %s, expired %s,'
                      ' revoked %s: expected nothing below 0, and no more held than remaining',
                      granted, remaining, held, spent, settled, moved, transferred, expired, revoked)
          FROM token_grant
         WHERE least(granted, remaining, held, spent, settled, moved, transferred, expired, revoked, remaining - held) < 0
        UNION ALL
        SELECT account_id, 'hold ' || hold_id,
               format('amount %s, remaining %s, captured %s, returned %s, refunded %s, overrun %s, rounding %s, metered %s:'
                      ' expected nothing below 0, and no more refunded than captured',
                      amount, remaining, captured, returned, refunded, overrun, rounding, metered)
          FROM hold
         WHERE least(amount, remaining, captured, returned, refunded, overrun, rounding, metered, captured - refunded) < 0
        UNION ALL
        SELECT account_id, 'hold_allocation ' || hold_id || '/' || ordinal,
               format('held %s, captured %s, returned %s, refunded %s, redirected %s: expected nothing below 0,'
                      ' no more refunded than captured, no more redirected than refunded',
                      held, captured, returned, refunded, redirected)
          FROM hold_allocation
         WHERE least(held, captured, returned, refunded, redirected, captured - refunded, refunded - redirected) < 0
        UNION ALL
        SELECT account_id, 'captured_line ' || version,
               format('amount %s, cost %s, refunded %s, count %s: expected nothing below 0,'
                      ' no more charged than it cost, no more refunded than charged', amount, cost, refunded, count)
          FROM captured_line
         WHERE least(amount, cost, refunded, count, cost - amount, amount - refunded) < 0) f
 ORDER BY f.account_id, f.row_name LIMIT $1
