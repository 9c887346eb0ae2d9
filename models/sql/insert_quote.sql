-- A quote for $6 seconds of the tenant's clock. $7 seconds after its end, by the real clock, it may be deleted.
INSERT INTO quote (owner_id, quote_id, tenant_id, price_book_version, lines, total, created_at, expires_at, kept_until)
SELECT $1, $2, t.id, $4, $5, $8, clock.now, clock.now + $6 * interval '1 second',
       clock_timestamp() + ($6 + $7) * interval '1 second'
FROM tenant t, LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) clock
WHERE t.id = $3
RETURNING expires_at
