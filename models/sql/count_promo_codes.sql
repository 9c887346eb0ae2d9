SELECT count(*) FROM promo_code WHERE tenant_id = $1
