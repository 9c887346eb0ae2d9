-- For an account that the tenant has; none for another.
INSERT INTO promo_guesses (owner_id, tenant_id)
SELECT owner_id, $1 FROM unnest($2::uuid[]) owner_id
 WHERE EXISTS (SELECT FROM account p WHERE p.account_id = $3 AND p.tenant_id = $1)
 ORDER BY owner_id
ON CONFLICT DO NOTHING
