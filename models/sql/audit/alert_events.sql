-- An account's events are numbered 1, 2, 3 … as many as its row says; each names an entry of its time, and a crossing what is below it.
WITH counted AS (
    SELECT account_id, count(*) AS events, min(event_id) AS first, max(event_id) AS last FROM alert_event GROUP BY account_id
)
SELECT f."where", f.message
  FROM (SELECT format('account %s ledger_account', a.account_id) AS "where",
               format('alerting: expected events 1 to %s, found %s from %s to %s', coalesce((a.alerting).events, 0),
                      coalesce(c.events, 0), c.first, c.last) AS message
          FROM ledger_account a LEFT JOIN counted c ON c.account_id = a.account_id
         WHERE coalesce((a.alerting).events, 0) <> coalesce(c.events, 0)
            OR c.first <> 1 OR c.last <> c.events
        UNION ALL
        SELECT format('account %s alert_event %s', e.account_id, e.event_id),
               format('version: expected an entry at %s or before, found %s at %s', e.at, e.version,
                      coalesce(j.at::text, 'no time'))
          FROM alert_event e LEFT JOIN entry j ON j.account_id = e.account_id AND j.version = e.version
         WHERE j.at IS NULL OR j.at > e.at
        UNION ALL
        SELECT format('account %s alert_event %s', e.account_id, e.event_id),
               format('available: expected less than %s, found %s', coalesce(e.threshold_tokens, 1), e.available)
          FROM alert_event e
         WHERE e.kind = 'LOW_BALANCE'
           AND (e.available >= e.threshold_tokens OR (e.threshold_percent = 0 AND e.available > 0))) f
 ORDER BY f."where" LIMIT $1
