-- The usable keys with these hashes, and the database's time, which judges them: a server's own may be wrong.
SELECT k.secret_hash, k.id, k.kind, k.tenant_id, t.slug, t.name, t.mode, k.account_id, k.expires_at,
       clock_timestamp() AS now, extract(epoch FROM k.expires_at - clock_timestamp())::float8 AS seconds_left
FROM api_key k JOIN tenant t ON t.id = k.tenant_id
WHERE k.secret_hash = ANY ($1::bytea[]) AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
