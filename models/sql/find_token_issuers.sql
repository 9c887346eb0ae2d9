-- What client tokens made with these keys are checked by, where they are usable; without a secret there are none yet.
SELECT k.id, k.tenant_id, t.slug, t.name, t.mode, s.secret, k.expires_at,
       extract(epoch FROM k.expires_at - clock_timestamp())::float8 AS seconds_left
FROM api_key k JOIN tenant t ON t.id = k.tenant_id LEFT JOIN signing_secret s ON s.tenant_id = k.tenant_id
WHERE k.id = ANY ($1::uuid[]) AND k.kind = 'SECRET' AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
