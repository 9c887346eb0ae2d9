INSERT INTO client_token_revocation AS r (account_id, member_id, tenant_id, revoked_at)
VALUES ($2, $3, $1, clock_timestamp())
ON CONFLICT (account_id, member_id) DO UPDATE SET revoked_at = greatest(r.revoked_at, excluded.revoked_at)
