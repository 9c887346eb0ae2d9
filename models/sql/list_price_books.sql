-- A page of a tenant's versions, newest first, below $2; $3 is the page's length.
SELECT version, slug, name, published_at, effective_at
FROM price_book
WHERE tenant_id = $1 AND version < $2
ORDER BY version DESC LIMIT $3
