-- Makes the next missing month of the journal, up to three ahead of the tenant whose clock is furthest once it has moved on by
-- $1 seconds more; 0 when none is missing.
SELECT ensure_journal_months(
    now() + (SELECT coalesce(max(clock_offset_micros), 0) FROM tenant) * interval '1 microsecond'
          + $1::bigint * interval '1 second' + interval '3 months', 1)
