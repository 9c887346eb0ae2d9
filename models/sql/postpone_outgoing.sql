-- A message could not do its work: again after $4 seconds, twice as long each time, $5 at most.
UPDATE outbox SET retries = retries + 1,
                  retry_at = clock_timestamp() + least($4::float8 * 2 ^ least(retries, 30), $5::float8) * interval '1 second'
 WHERE account_id = $1 AND message_id = $2 AND topic = $3 AND done_at IS NULL
