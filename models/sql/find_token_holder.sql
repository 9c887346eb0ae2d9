-- The account $2 of tenant $1, the database's time, until when tokens of the account, or of its member $3, were revoked, and
-- what that member may do; null for one that was removed or never was.
SELECT clock_timestamp() AS now,
       (SELECT max(r.revoked_at) FROM client_token_revocation r
         WHERE r.account_id = l.account_id AND (r.member_id IS NULL OR r.member_id = $3)) AS revoked_at,
       m.role AS member_role
FROM ledger_account l
LEFT JOIN member m ON m.account_id = l.account_id AND m.member_id = $3 AND m.active
WHERE l.account_id = $2 AND l.tenant_id = $1
