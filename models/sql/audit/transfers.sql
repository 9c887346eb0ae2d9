-- What was sent to another account has arrived once, or come back, or is on its way; and nothing arrived that was not sent.
WITH sent AS (
    SELECT account_id, tenant_id, version, -total_change AS amount,
           format('transfer:%s:%s', account_id, version) AS source_ref
      FROM entry WHERE kind = 'TRANSFER' AND total_change < 0
), arrived AS (
    SELECT account_id, grant_id, tenant_id, source_ref, granted FROM token_grant WHERE source = 'TRANSFER'
), waiting AS (
    SELECT o.account_id, (part->>'version')::bigint AS version, (part->>'amount')::bigint AS amount
      FROM outbox o, json_array_elements(o.payload->'parts') part
     WHERE o.topic = 'transfer' AND o.done_at IS NULL
)
SELECT f."where", f.message
  FROM (SELECT s.account_id, s.version AS local_id, format('account %s entry %s', s.account_id, s.version) AS "where",
               format('sent %s: expected to arrive once or to be on its way, found %s arrivals of %s and %s on its way',
                      s.amount, coalesce(a.times, 0), coalesce(a.amount, 0), coalesce(w.amount, 0)) AS message
          FROM sent s
          LEFT JOIN (SELECT source_ref, tenant_id, count(*) AS times, sum(granted) AS amount
                       FROM arrived GROUP BY source_ref, tenant_id) a
            ON a.source_ref = s.source_ref AND a.tenant_id = s.tenant_id
          LEFT JOIN waiting w ON w.account_id = s.account_id AND w.version = s.version
         WHERE CASE WHEN a.times IS NULL THEN w.amount IS DISTINCT FROM s.amount
                    ELSE a.times <> 1 OR a.amount <> s.amount END
        UNION ALL
        SELECT a.account_id, a.grant_id, format('account %s token_grant %s', a.account_id, a.grant_id),
               format('came as %s: expected the debit that it came from, found none', a.source_ref)
          FROM arrived a LEFT JOIN sent s ON s.source_ref = a.source_ref AND s.tenant_id = a.tenant_id
         WHERE s.version IS NULL) f
 ORDER BY f.account_id, f.local_id LIMIT $1
