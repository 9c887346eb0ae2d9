SELECT version, source, published_at, effective_at FROM price_book WHERE tenant_id = $1 AND version = $2
