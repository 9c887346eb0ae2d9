-- Tokens on their way between accounts, oldest first; $1 is how many at most.
SELECT o.account_id, o.message_id, o.tenant_id, o.payload::text AS payload
  FROM outbox o
 WHERE o.topic = 'transfer' AND o.done_at IS NULL
 ORDER BY o.created_at, o.account_id, o.message_id LIMIT $1
