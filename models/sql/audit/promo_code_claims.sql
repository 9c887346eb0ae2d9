-- A promo code counts the claims that there are.
SELECT format('promo_code %s', c.promo_code_id) AS "where",
       format('claimed: expected %s claims, found %s', claims.number, c.claimed) AS message
  FROM promo_code c,
       LATERAL (SELECT count(*) AS number FROM promo_claim k WHERE k.promo_code_id = c.promo_code_id) claims
 WHERE c.claimed <> claims.number
 ORDER BY c.promo_code_id LIMIT $1
