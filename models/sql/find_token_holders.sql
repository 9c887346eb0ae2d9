-- Whom tokens may be of: of tenants $1 the accounts $2 and members $3 (null: none), side by side. Each by its place there, with
-- the database's time, until when tokens of the account, or of its member, were revoked, and what that member may do; null
-- for one that was removed or never was. No row for an account that is not there.
SELECT n.place, clock_timestamp() AS now,
       (SELECT max(r.revoked_at) FROM client_token_revocation r
         WHERE r.account_id = l.account_id AND (r.member_id IS NULL OR r.member_id = n.member_id)) AS revoked_at,
       m.role AS member_role
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS n (tenant_id, account_id, member_id, place)
JOIN ledger_account l ON l.account_id = n.account_id AND l.tenant_id = n.tenant_id
LEFT JOIN member m ON m.account_id = l.account_id AND m.member_id = n.member_id AND m.active
