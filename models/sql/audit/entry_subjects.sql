-- Each kind of entry names the hold or the grant that it is about, and only where there is one.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('%s: names a subject that this kind never has: hold %s, grant %s',
              kind, coalesce(hold_id::text, 'none'), coalesce(grant_id::text, 'none')) AS message
  FROM entry
 WHERE NOT CASE
           WHEN kind IN ('HOLD', 'CAPTURE', 'ROUNDING', 'RELEASE', 'REFUND') THEN hold_id IS NOT NULL
           WHEN kind IN ('GRANT', 'EXPIRY', 'REVOCATION', 'CLAWBACK', 'ASSIGNMENT', 'TRANSFER')
               THEN hold_id IS NULL AND grant_id IS NOT NULL
           -- By an invoice the account's debt is paid, by tokens those of a grant are.
           WHEN kind = 'SETTLEMENT' THEN hold_id IS NULL AND (grant_id IS NOT NULL OR total_change = 0)
           WHEN kind = 'ADJUSTMENT' THEN hold_id IS NULL AND grant_id IS NULL
           ELSE hold_id IS NULL
           END
 ORDER BY account_id, version LIMIT $1
