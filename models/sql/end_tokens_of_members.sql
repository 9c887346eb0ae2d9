-- Ends every token of members ($1 accounts, $2 members, $3 tenants) that was issued until now, by the real clock: a tenant's own
-- may be ahead of it. Kept when the member is taken in again.
INSERT INTO client_token_revocation AS r (account_id, member_id, tenant_id, revoked_at)
SELECT n.account_id, n.member_id, n.tenant_id, clock_timestamp()
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (account_id, member_id, tenant_id)
ON CONFLICT (account_id, member_id) DO UPDATE SET revoked_at = greatest(r.revoked_at, excluded.revoked_at)
