SELECT * FROM promo_code WHERE tenant_id = $1 AND canonical = $2 FOR NO KEY UPDATE
