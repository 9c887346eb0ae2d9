-- Low-balance thresholds that an account crossed, by events beyond $2 through $3 whose version is $4 or later, oldest first.
SELECT e.event_id, e.kind, e.at, e.version, e.available, e.threshold_percent, e.threshold_tokens, e.scope, e.subject,
       e.consumed, e.limit_tokens, e.grant_id, e.amount, e.expires_at, e.rearmed_at
  FROM alert_event e
 WHERE e.account_id = $1 AND e.event_id > $2 AND e.event_id <= $3 AND e.version >= $4 AND e.kind = 'LOW_BALANCE'
 ORDER BY e.event_id LIMIT $5
