SELECT count(*) FROM price_book WHERE tenant_id = $1
