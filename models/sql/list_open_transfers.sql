-- Tokens on their way between accounts whose turn it is, those that wait longest first; $1 is how many at most.
SELECT o.account_id, o.message_id, o.tenant_id, o.payload::text AS payload
  FROM outbox o
 WHERE o.topic = 'transfer' AND o.done_at IS NULL AND o.retry_at <= clock_timestamp()
 ORDER BY o.retry_at, o.account_id, o.message_id LIMIT $1
