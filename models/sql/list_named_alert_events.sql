-- Those of an account's events that have one of the numbers $2, oldest first; as list_alert_events, with $3 as its $6.
SELECT e.event_id, e.kind, e.at, e.version, e.available, e.threshold_percent, e.threshold_tokens, e.scope, e.subject,
       e.consumed, e.limit_tokens, e.grant_id, e.amount, e.expires_at, e.rearmed_at
  FROM alert_event e
 WHERE e.account_id = $1 AND e.event_id = ANY ($2)
   AND ($3::text[] IS NULL
        OR ((e.scope IS DISTINCT FROM 'MEMBER' OR e.subject = ANY ($3))
            AND NOT EXISTS (SELECT FROM token_grant o
                             WHERE o.account_id = e.account_id AND o.grant_id = e.grant_id
                               AND o.member_id IS NOT NULL AND o.member_id::text <> ALL ($3))))
 ORDER BY e.event_id
