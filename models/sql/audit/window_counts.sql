-- Every window has counted what the journal says was spent and is on hold of the holds that began in it, and nothing else.
WITH taken AS MATERIALIZED (
    SELECT account_id, hold_id, min(at) AS began_at, min(member_id::text) AS member, min(project) AS project,
           sum(held_change + spent) AS amount
      FROM entry WHERE hold_id IS NOT NULL GROUP BY account_id, hold_id
), counted AS MATERIALIZED (
    SELECT account_id, 'ACCOUNT' AS scope, '' AS subject, began_at, amount FROM taken
    UNION ALL
    SELECT account_id, 'MEMBER', member, began_at, amount FROM taken WHERE member IS NOT NULL
    UNION ALL
    SELECT account_id, 'PROJECT', project, began_at, amount FROM taken WHERE project IS NOT NULL
), kept AS MATERIALIZED (
    SELECT account_id, 'ACCOUNT' AS scope, '' AS subject, spending FROM ledger_account
    UNION ALL
    SELECT account_id, scope, subject, spending FROM ledger_scope
    UNION ALL
    -- Who has spent and has no row.
    SELECT DISTINCT c.account_id, c.scope, c.subject, NULL::spending
      FROM counted c LEFT JOIN ledger_scope s
        ON s.account_id = c.account_id AND s.scope = c.scope AND s.subject = c.subject
     WHERE c.scope <> 'ACCOUNT' AND s.account_id IS NULL
), windows AS (
    SELECT k.account_id, k.scope, k.subject, w.period, w.starts_at, coalesce(w.consumed, 0) AS consumed
      FROM kept k, LATERAL (VALUES
               ('DAY', coalesce((k.spending).day_starts_at, 'infinity'), (k.spending).day_consumed),
               ('WEEK', coalesce((k.spending).week_starts_at, 'infinity'), (k.spending).week_consumed),
               ('MONTH', coalesce((k.spending).month_starts_at, 'infinity'), (k.spending).month_consumed),
               ('TOTAL', '-infinity', (k.spending).total_consumed)) AS w (period, starts_at, consumed)
)
SELECT format('account %s %s', w.account_id, concat_ws(' ', w.scope, nullif(w.subject, ''), w.period)) AS "where",
       format('consumed: the holds that began in it come to %s, found %s', coalesce(sum(c.amount), 0), w.consumed) AS message
  FROM windows w
  LEFT JOIN counted c ON c.account_id = w.account_id AND c.scope = w.scope AND c.subject = w.subject
                     AND c.began_at >= w.starts_at
 GROUP BY w.account_id, w.scope, w.subject, w.period, w.consumed
HAVING w.consumed <> coalesce(sum(c.amount), 0)
 ORDER BY w.account_id, w.scope, w.subject, w.period LIMIT $1
