-- How many events of an account pass the filters of list_alert_events.
SELECT count(*) FROM alert_event e
 WHERE e.account_id = $1
   AND ($5::text[] IS NULL
        OR ((e.scope IS DISTINCT FROM 'MEMBER' OR e.subject = ANY ($5))
            AND NOT EXISTS (SELECT FROM token_grant o
                             WHERE o.account_id = e.account_id AND o.grant_id = e.grant_id
                               AND o.member_id IS NOT NULL AND o.member_id::text <> ALL ($5))))
   AND ($2::text[] IS NULL OR e.kind = ANY ($2))
   AND (NOT $3::boolean
        OR CASE e.kind
               WHEN 'LOW_BALANCE' THEN e.rearmed_at IS NULL
               WHEN 'DAY_LIMIT' THEN e.expires_at > $4
               ELSE EXISTS (SELECT FROM token_grant g
                             WHERE g.account_id = e.account_id AND g.grant_id = e.grant_id AND g.ended IS NULL
                               AND g.remaining > g.held AND g.expires_at > $4)
           END)
