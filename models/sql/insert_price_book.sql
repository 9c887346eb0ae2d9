INSERT INTO price_book (id, tenant_id, version, slug, name, source, published_at, effective_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
