SELECT * FROM promo_code WHERE promo_code_id = $1 AND tenant_id = $2
