-- Lets one rebuild at a time work on an account; whoever comes second waits as long as the first one reads the journal.
SELECT pg_advisory_xact_lock(hashtext('farebox.usage_rebuild'), hashtext($1::uuid::text))
