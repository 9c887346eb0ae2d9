UPDATE promo_claim SET grant_id = $3 WHERE account_id = $1 AND claim_id = $2 AND grant_id IS NULL
