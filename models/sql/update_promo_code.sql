UPDATE promo_code SET active_to = $3, max_redemptions = $4, max_per_account = $5, note = $6
 WHERE promo_code_id = $1 AND tenant_id = $2
RETURNING *
