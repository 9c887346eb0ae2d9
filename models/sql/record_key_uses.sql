-- Several processes tell of the same key; whoever comes within the minute changes nothing.
UPDATE api_key k
SET last_used_at = u.used_at
FROM (
    SELECT key_id, clock_timestamp() - age_seconds * interval '1 second' AS used_at
    FROM unnest($1::uuid[], $2::float8[]) AS used (key_id, age_seconds)
) u
WHERE k.id = u.key_id AND (k.last_used_at IS NULL OR k.last_used_at <= u.used_at - interval '60 seconds')
