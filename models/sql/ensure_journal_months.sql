-- Makes the next missing month of the journal, up to three ahead of the tenant whose clock is furthest; 0 when none is missing.
SELECT ensure_journal_months(
    now() + (SELECT coalesce(max(clock_offset_micros), 0) FROM tenant) * interval '1 microsecond' + interval '3 months', 1)
