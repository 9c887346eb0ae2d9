-- Moves a TEST tenant's clock forward by $2 microseconds; no row for another tenant, or beyond $3 ahead of real time.
UPDATE tenant SET clock_offset_micros = clock_offset_micros + $2
 WHERE id = $1 AND mode = 'TEST' AND clock_offset_micros + $2 <= $3
RETURNING clock_timestamp() + clock_offset_micros * interval '1 microsecond' AS now
