-- Several processes tell of the same key; whoever comes within the minute changes nothing. $3 tells uses of client tokens that
-- were made with the key from those of the key itself.
UPDATE api_key k
SET last_used_at = CASE
        WHEN u.used_at >= coalesce(k.last_used_at + interval '60 seconds', '-infinity') THEN u.used_at
        ELSE k.last_used_at
    END,
    tokens_last_used_at = CASE
        WHEN u.tokens_used_at >= coalesce(k.tokens_last_used_at + interval '60 seconds', '-infinity')
        THEN u.tokens_used_at
        ELSE k.tokens_last_used_at
    END
FROM (
    SELECT key_id,
           max(clock_timestamp() - age_seconds * interval '1 second') FILTER (WHERE NOT by_token) AS used_at,
           max(clock_timestamp() - age_seconds * interval '1 second') FILTER (WHERE by_token) AS tokens_used_at
    FROM unnest($1::uuid[], $2::float8[], $3::boolean[]) AS used (key_id, age_seconds, by_token)
    GROUP BY key_id
) u
WHERE k.id = u.key_id
  AND (u.used_at >= coalesce(k.last_used_at + interval '60 seconds', '-infinity')
       OR u.tokens_used_at >= coalesce(k.tokens_last_used_at + interval '60 seconds', '-infinity'))
