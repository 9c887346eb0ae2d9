-- The last $2 days by the tenant's clock; no row for an unknown tenant.
SELECT clock.now - $2 * interval '1 day' AS since, clock.now AS until
  FROM tenant t, LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) clock
 WHERE t.id = $1
