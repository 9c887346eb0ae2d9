-- The version that a tenant's clock has reached last; of two from the same instant, the one published later.
SELECT b.version
FROM tenant t JOIN price_book b ON b.tenant_id = t.id
WHERE t.id = $1 AND b.effective_at <= clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
ORDER BY b.effective_at DESC, b.version DESC
LIMIT 1
