-- A page of an account's members by external id, after $3 unless it is null; with $4 only those who belong to it now; $5 is the
-- page's length. As ledger_member_v2.
SELECT account_id, member_id, tenant_id, external_id, name, role, active, created_at, removed_at
  FROM member
 WHERE account_id = $1 AND tenant_id = $2 AND ($3::text IS NULL OR external_id > $3) AND (NOT $4::boolean OR active)
 ORDER BY external_id LIMIT $5
