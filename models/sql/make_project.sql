-- A project with nothing said of it, where it is not there yet; none for an account that the tenant does not have.
INSERT INTO project (account_id, name, tenant_id, created_at)
SELECT p.account_id, $3, p.tenant_id, clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
  FROM account p JOIN tenant t ON t.id = p.tenant_id
 WHERE p.account_id = $1 AND p.tenant_id = $2
ON CONFLICT DO NOTHING
