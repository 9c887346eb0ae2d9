-- One member of an account, also one that was removed, as ledger_member_v2.
SELECT account_id, member_id, tenant_id, external_id, name, role, active, created_at, removed_at
  FROM member WHERE account_id = $1 AND member_id = $2 AND tenant_id = $3
