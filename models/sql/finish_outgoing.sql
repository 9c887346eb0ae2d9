-- A message has done its work; what was done before stays as it was.
UPDATE outbox SET done_at = clock_timestamp()
 WHERE account_id = $1 AND message_id = $2 AND topic = $3 AND done_at IS NULL
