-- Those of an account's events that have one of these numbers, oldest first; as list_alert_events.
SELECT e.event_id, e.kind, e.at, e.version, e.available, e.threshold_percent, e.threshold_tokens, e.scope, e.subject,
       e.consumed, e.limit_tokens, e.grant_id, e.amount, e.expires_at, e.rearmed_at
  FROM alert_event e
 WHERE e.account_id = $1 AND e.event_id = ANY ($2)
 ORDER BY e.event_id
