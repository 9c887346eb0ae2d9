-- Deletes at most $1 quotes that nobody needs to be told about any more; several processes take different ones.
DELETE FROM quote
WHERE (owner_id, quote_id) IN (
    SELECT q.owner_id, q.quote_id FROM quote q WHERE q.kept_until <= clock_timestamp()
    ORDER BY q.kept_until LIMIT $1 FOR UPDATE SKIP LOCKED
)
