-- A page of all tenants by slug, after $1 unless it is null; $2 is its length.
SELECT id AS tenant_id, slug, name, mode, created_at
FROM tenant
WHERE $1::text IS NULL OR slug > $1
ORDER BY slug LIMIT $2
