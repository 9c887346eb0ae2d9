-- The next version of a tenant's price book, by the tenant's clock; in force from $6, or at once. Two at the same time meet
-- in the unique version, and the later one tries again.
INSERT INTO price_book (id, tenant_id, version, slug, name, source, published_at, effective_at)
SELECT $1, t.id, coalesce((SELECT max(b.version) FROM price_book b WHERE b.tenant_id = t.id), 0) + 1, $3, $4, $5,
       clock.now, greatest($6, clock.now)
FROM tenant t, LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) clock
WHERE t.id = $2
RETURNING version, published_at, effective_at
