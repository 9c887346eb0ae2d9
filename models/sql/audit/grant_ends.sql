-- A grant that was taken back has its entry, and keeps only what holds have set aside.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('ended as %s: expected an entry of that kind (found %s) and nothing remaining but the held %s (found %s)',
              coalesce(g.ended, 'none'), coalesce(e.kinds, 'none'), g.held, g.remaining) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, grant_id, CASE WHEN bool_or(kind = 'CLAWBACK') THEN 'CLAWBACK' ELSE 'REVOCATION' END AS kinds FROM entry
              WHERE kind IN ('REVOCATION', 'CLAWBACK') GROUP BY account_id, grant_id) e
    ON e.account_id = g.account_id AND e.grant_id = g.grant_id
 WHERE e.kinds IS DISTINCT FROM CASE g.ended WHEN 'REVOKED' THEN 'REVOCATION' WHEN 'CLAWED_BACK' THEN 'CLAWBACK' END
    OR (g.ended IS NOT NULL AND g.remaining <> g.held)
 ORDER BY g.account_id, g.grant_id LIMIT $1
