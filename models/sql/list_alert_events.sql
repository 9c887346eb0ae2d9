-- A page of an account's events, newest first, below event $2, of kinds $3 unless null; with $4 only those that tell of what is
-- still so at $5. $6: of members, only events of these: of their days and of grants assigned to them; unless it is null.
SELECT e.event_id, e.kind, e.at, e.version, e.available, e.threshold_percent, e.threshold_tokens, e.scope, e.subject,
       e.consumed, e.limit_tokens, e.grant_id, e.amount, e.expires_at, e.rearmed_at
  FROM alert_event e
 WHERE e.account_id = $1 AND e.event_id < $2
   AND ($6::text[] IS NULL
        OR ((e.scope IS DISTINCT FROM 'MEMBER' OR e.subject = ANY ($6))
            AND NOT EXISTS (SELECT FROM token_grant o
                             WHERE o.account_id = e.account_id AND o.grant_id = e.grant_id
                               AND o.member_id IS NOT NULL AND o.member_id::text <> ALL ($6))))
   AND ($3::text[] IS NULL OR e.kind = ANY ($3))
   AND (NOT $4::boolean
        OR CASE e.kind
               WHEN 'LOW_BALANCE' THEN e.rearmed_at IS NULL
               WHEN 'DAY_LIMIT' THEN e.expires_at > $5
               ELSE EXISTS (SELECT FROM token_grant g
                             WHERE g.account_id = e.account_id AND g.grant_id = e.grant_id AND g.ended IS NULL
                               AND g.remaining > g.held AND g.expires_at > $5)
           END)
 ORDER BY e.event_id DESC LIMIT $7
