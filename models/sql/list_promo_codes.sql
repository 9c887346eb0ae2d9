-- A page of a tenant's promo codes by their canonical form, after $2 unless it is null.
SELECT * FROM promo_code
 WHERE tenant_id = $1 AND ($2::text IS NULL OR canonical > $2)
 ORDER BY canonical LIMIT $3
