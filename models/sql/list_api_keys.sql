-- A page of a tenant's keys, newest first, after the key made at $2 with id $3 (null: from the newest); $4 is its length.
SELECT id AS key_id, kind, name, hint, account_id, created_at, last_used_at, tokens_last_used_at, expires_at, revoked_at
FROM api_key
WHERE tenant_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
ORDER BY created_at DESC, id DESC LIMIT $4
