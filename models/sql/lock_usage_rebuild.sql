-- Lets one rebuild at a time work on an account.
SELECT pg_advisory_xact_lock(hashtext('farebox.usage_rebuild'), hashtext($1::uuid::text))
