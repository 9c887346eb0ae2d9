-- Whether advance_tenant_clock.sql would move this clock.
SELECT EXISTS (SELECT FROM tenant WHERE id = $1 AND mode = 'TEST' AND clock_offset_micros + $2 <= $3)
