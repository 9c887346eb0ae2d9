-- The thresholds that an account's row calls crossed are those of its events that were not armed again, each by its name.
WITH crossed AS (
    SELECT a.account_id, c.key, c.event_id
      FROM ledger_account a, unnest((a.alerting).crossed, (a.alerting).crossed_events) AS c(key, event_id)
), told AS (
    SELECT account_id, event_id, coalesce(threshold_percent || '%', threshold_tokens::text) AS key
      FROM alert_event WHERE kind = 'LOW_BALANCE' AND rearmed_at IS NULL
)
SELECT format('account %s alert_event %s', coalesce(c.account_id, t.account_id), coalesce(c.event_id, t.event_id)) AS "where",
       format('rearmed_at: expected %s to be crossed by this event, found %s',
              coalesce(c.key, 'nothing'), coalesce(t.key, 'nothing')) AS message
  FROM crossed c FULL JOIN told t ON t.account_id = c.account_id AND t.event_id = c.event_id AND t.key = c.key
 WHERE c.key IS NULL OR t.key IS NULL
 ORDER BY 1 LIMIT $1
