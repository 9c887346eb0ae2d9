-- One who publishes for a tenant at a time, until the transaction ends: versions follow each other without a gap, and each is
-- compared with the one that it really follows. $1 keeps these locks apart from others.
SELECT pg_advisory_xact_lock($1, hashtext($2))
