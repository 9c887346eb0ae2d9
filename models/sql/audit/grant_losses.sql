-- What a grant lost otherwise than by spending is what its entries took: settled, expired, revoked, sent away.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('settled, expired, revoked, transferred: its entries took %s, %s, %s, %s, found %s, %s, %s, %s',
              coalesce(e.settled, 0), coalesce(e.expired, 0), coalesce(e.revoked, 0), coalesce(e.transferred, 0),
              g.settled, g.expired, g.revoked, g.transferred) AS message
  FROM token_grant g
  LEFT JOIN (SELECT account_id, grant_id,
                    coalesce(-sum(total_change) FILTER (WHERE kind = 'SETTLEMENT'), 0) AS settled,
                    coalesce(-sum(total_change) FILTER (WHERE kind = 'EXPIRY'), 0) AS expired,
                    coalesce(-sum(total_change) FILTER (WHERE kind IN ('REVOCATION', 'CLAWBACK')), 0) AS revoked,
                    coalesce(-sum(total_change) FILTER (WHERE kind = 'TRANSFER' AND total_change < 0), 0) AS transferred
               FROM entry
              WHERE grant_id IS NOT NULL AND kind IN ('SETTLEMENT', 'EXPIRY', 'REVOCATION', 'CLAWBACK', 'TRANSFER')
              GROUP BY account_id, grant_id) e
    ON e.account_id = g.account_id AND e.grant_id = g.grant_id
 WHERE g.settled <> coalesce(e.settled, 0) OR g.expired <> coalesce(e.expired, 0) OR g.revoked <> coalesce(e.revoked, 0)
    OR g.transferred <> coalesce(e.transferred, 0)
 ORDER BY g.account_id, g.grant_id LIMIT $1
