-- Tenants whose spending was looked through more than $1 seconds ago by their clock; of one tenant unless $2 is null.
SELECT w.tenant_id, w.reviewed_until, clock.now
  FROM loyalty_watch w JOIN tenant t ON t.id = w.tenant_id,
       LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) clock
 WHERE w.reviewed_until <= clock.now - $1 * interval '1 second' AND ($2::uuid IS NULL OR w.tenant_id = $2)
 ORDER BY w.reviewed_until
