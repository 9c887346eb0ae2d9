-- What a version that a tenant publishes now would be, by the tenant's clock: its number, when it comes into force ($2, or at
-- once), and which version it follows there.
SELECT clock.now,
       coalesce((SELECT max(b.version) FROM price_book b WHERE b.tenant_id = clock.tenant_id), 0) + 1 AS version,
       clock.effective_at,
       (SELECT b.version FROM price_book b
        WHERE b.tenant_id = clock.tenant_id AND b.effective_at <= clock.effective_at
        ORDER BY b.effective_at DESC, b.version DESC LIMIT 1) AS follows
FROM (
    SELECT moment.tenant_id, moment.now, greatest($2, moment.now) AS effective_at
    FROM (
        SELECT t.id AS tenant_id, clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now
        FROM tenant t WHERE t.id = $1
        OFFSET 0  -- or every use of `now` would be another instant
    ) moment
) clock
