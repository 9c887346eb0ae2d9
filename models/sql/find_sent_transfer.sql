-- The last transfer that account $1 had sent by its version $2, unless it is done.
SELECT t.account_id, t.message_id, t.tenant_id, t.payload
  FROM (SELECT o.account_id, o.message_id, o.tenant_id, o.payload::text AS payload, o.done_at
          FROM outbox o
         WHERE o.account_id = $1 AND o.message_id <= $2 AND o.topic = 'transfer'
         ORDER BY o.message_id DESC LIMIT 1) t
 WHERE t.done_at IS NULL
