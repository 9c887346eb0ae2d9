-- Counts what was spent before anybody counted: gives every account that has holds, and their members and projects, the
-- windows that run now. Run once, by the step that brings windows. A time zone that this Postgres does not know counts as
-- UTC.
WITH spanning AS MATERIALIZED (
    SELECT set_config('farebox.spanning', 'on', true)
), known_zone AS MATERIALIZED (
    SELECT k.name FROM pg_timezone_names k
), calendar AS MATERIALIZED (
    SELECT a.account_id, a.tenant_id, w.period,
           date_trunc(w.period, at.now, z.name) AS starts_at,
           (date_trunc(w.period, at.now AT TIME ZONE z.name) + ('1 ' || w.period)::interval)
               AT TIME ZONE z.name AS ends_at
      FROM spanning, ledger_account a
      LEFT JOIN known_zone k ON k.name = a.time_zone
     CROSS JOIN LATERAL (SELECT coalesce(k.name, 'UTC') AS name) z
      JOIN tenant t ON t.id = a.tenant_id
     CROSS JOIN LATERAL (
               SELECT greatest(clock_timestamp() + t.clock_offset_micros * interval '1 microsecond', a.last_at) AS now) at
     CROSS JOIN (VALUES ('day'), ('week'), ('month')) AS w (period)
), counted AS MATERIALIZED (
    SELECT h.account_id, s.scope, s.subject,
           sum(h.captured - h.refunded + h.remaining)::bigint AS total,
           sum(h.captured - h.refunded + h.remaining) FILTER (WHERE h.created_at >= d.starts_at)::bigint AS day,
           sum(h.captured - h.refunded + h.remaining) FILTER (WHERE h.created_at >= w.starts_at)::bigint AS week,
           sum(h.captured - h.refunded + h.remaining) FILTER (WHERE h.created_at >= m.starts_at)::bigint AS month
      FROM hold h
      JOIN calendar d ON d.account_id = h.account_id AND d.period = 'day'
      JOIN calendar w ON w.account_id = h.account_id AND w.period = 'week'
      JOIN calendar m ON m.account_id = h.account_id AND m.period = 'month'
     CROSS JOIN LATERAL (VALUES ('ACCOUNT', ''), ('MEMBER', h.member_id::text), ('PROJECT', h.project)) AS s (scope, subject)
     WHERE s.subject IS NOT NULL
     GROUP BY h.account_id, s.scope, s.subject
), spent AS MATERIALIZED (
    SELECT c.account_id, d.tenant_id, c.scope, c.subject,
           ROW(NULL, d.starts_at, d.ends_at, coalesce(c.day, 0), 0, NULL, w.starts_at, w.ends_at, coalesce(c.week, 0),
               NULL, m.starts_at, m.ends_at, coalesce(c.month, 0), NULL, c.total, ''::bytea)::spending AS spending
      FROM counted c
      JOIN calendar d ON d.account_id = c.account_id AND d.period = 'day'
      JOIN calendar w ON w.account_id = c.account_id AND w.period = 'week'
      JOIN calendar m ON m.account_id = c.account_id AND m.period = 'month'
), of_accounts AS (
    UPDATE ledger_account a SET spending = s.spending
      FROM spent s WHERE s.scope = 'ACCOUNT' AND a.account_id = s.account_id
)
INSERT INTO ledger_scope (account_id, scope, subject, tenant_id, spending)
    SELECT s.account_id, s.scope, s.subject, s.tenant_id, s.spending FROM spent s WHERE s.scope <> 'ACCOUNT'
