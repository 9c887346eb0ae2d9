-- Makes the journal's months up to three after the one of $1, or of now where that is later.
SELECT ensure_journal_months(greatest($1::timestamptz, now()) + interval '3 months')
