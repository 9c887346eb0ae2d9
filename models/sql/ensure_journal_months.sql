-- Makes the journal's months from this one to three after the one of $1.
SELECT ensure_journal_months(now(), greatest($1, now()) + interval '3 months')
