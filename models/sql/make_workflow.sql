-- The row of a workflow, made where it is not there yet; none for an account that the tenant does not have.
INSERT INTO workflow (account_id, slug, tenant_id, name)
SELECT p.account_id, $3, p.tenant_id, $4 FROM account p WHERE p.account_id = $1 AND p.tenant_id = $2
ON CONFLICT DO NOTHING
