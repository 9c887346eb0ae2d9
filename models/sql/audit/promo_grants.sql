-- Every grant of a promo code has its claim, and every finished claim its grant.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('source_ref: expected the claim of %L, found none', g.source_ref) AS message
  FROM token_grant g
  LEFT JOIN promo_claim c ON c.account_id = g.account_id AND g.source_ref = 'promo:' || replace(c.claim_id::text, '-', '')
 WHERE g.source_ref LIKE 'promo:%' AND c.claim_id IS NULL
 UNION ALL
SELECT format('account %s promo_claim %s', c.account_id, c.key),
       format('grant_id: expected the grant of claim %s, found %s', c.claim_id, coalesce(g.source_ref, 'none'))
  FROM promo_claim c
  LEFT JOIN token_grant g ON g.account_id = c.account_id AND g.grant_id = c.grant_id
 WHERE c.grant_id IS NOT NULL AND g.source_ref IS DISTINCT FROM 'promo:' || replace(c.claim_id::text, '-', '')
 ORDER BY 1 LIMIT $1
