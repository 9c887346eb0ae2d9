-- On which local day of its account something was spent, given back or ended: kept with it, because neither a later change of
-- the time zone nor newer time zone rules may move it. Sums by day can be worked out anew from these days alone.
ALTER TABLE captured_line ADD COLUMN day date;
ALTER TABLE hold ADD COLUMN ended_day date;
COMMENT ON COLUMN captured_line.day IS 'local day of the capture';
COMMENT ON COLUMN hold.ended_day IS 'local day of its end';

-- What each REFUND entry gave back of one captured line.
CREATE TABLE refunded_line (
    account_id uuid NOT NULL,
    version    bigint NOT NULL,
    tenant_id  uuid NOT NULL,
    line       bigint NOT NULL,
    amount     bigint NOT NULL CHECK (amount > 0),
    day        date NOT NULL,
    PRIMARY KEY (account_id, version),
    FOREIGN KEY (account_id, line) REFERENCES captured_line (account_id, version)
);
COMMENT ON COLUMN refunded_line.version IS 'of the REFUND entry';
COMMENT ON COLUMN refunded_line.line IS 'version of the captured line';
COMMENT ON COLUMN refunded_line.day IS 'local day of the refund';

-- The sums of usage_day as the journal has them: amounts of the entries, days and counts of their lines.
CREATE VIEW usage_journaled WITH (security_invoker = true) AS
SELECT m.account_id, m.day, m.member_id, m.project, m.model, m.category, m.tenant_id, sum(m.charged)::bigint AS charged,
       sum(m.refunded)::bigint AS refunded, sum(m.uses)::bigint AS uses, sum(m.operations)::bigint AS operations
  FROM (SELECT e.account_id, l.day, e.member_id, e.project, e.model, e.category, e.tenant_id, e.spent AS charged,
               0::bigint AS refunded, CASE WHEN l.rounding THEN 0 ELSE l.count END AS uses,
               CASE WHEN l.rounding THEN 0 ELSE 1 END AS operations
          FROM entry e JOIN captured_line l ON l.account_id = e.account_id AND l.version = e.version
         WHERE e.kind IN ('CAPTURE', 'ROUNDING')
        UNION ALL
        SELECT e.account_id, r.day, e.member_id, e.project, e.model, e.category, e.tenant_id, 0, -e.spent, 0, 0
          FROM entry e JOIN refunded_line r ON r.account_id = e.account_id AND r.version = e.version
         WHERE e.kind = 'REFUND') m
 GROUP BY m.account_id, m.day, m.member_id, m.project, m.model, m.category, m.tenant_id;

-- The sums of work_day as the holds have them.
CREATE VIEW work_journaled WITH (security_invoker = true) AS
SELECT h.account_id, h.ended_day AS day, h.member_id, h.project, coalesce(h.outcome, h.state) AS outcome, h.tenant_id,
       count(*) AS works
  FROM hold h WHERE NOT h.open
 GROUP BY h.account_id, h.ended_day, h.member_id, h.project, coalesce(h.outcome, h.state), h.tenant_id;

-- What was spent before usage was counted is counted now, by the time zones that the journal notes, else by today's. Whoever
-- owns the tables must see their rows for it; secure_tables.sql shuts them again.
ALTER TABLE ledger_account NO FORCE ROW LEVEL SECURITY;
ALTER TABLE hold NO FORCE ROW LEVEL SECURITY;
ALTER TABLE captured_line NO FORCE ROW LEVEL SECURITY;
ALTER TABLE entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE entry_text NO FORCE ROW LEVEL SECURITY;

CREATE TEMPORARY TABLE zone_change ON COMMIT DROP AS
SELECT x.account_id, e.at, split_part(substr(x.note, 10), ' -> ', 1) AS zone_before, split_part(x.note, ' -> ', 2) AS zone_after
  FROM entry_text x JOIN entry e ON e.account_id = x.account_id AND e.version = x.version
 WHERE e.kind = 'ADJUSTMENT' AND x.note LIKE 'timeZone % -> %';

-- A name that this Postgres does not know counts as UTC.
CREATE TEMPORARY TABLE known_zone ON COMMIT DROP AS SELECT name FROM pg_timezone_names;

CREATE FUNCTION local_day_then(account uuid, instant timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT (instant AT TIME ZONE coalesce((SELECT k.name FROM known_zone k WHERE k.name = z.zone), 'UTC'))::date
      FROM (SELECT coalesce(
          (SELECT c.zone_after FROM zone_change c WHERE c.account_id = account AND c.at <= instant ORDER BY c.at DESC LIMIT 1),
          (SELECT c.zone_before FROM zone_change c WHERE c.account_id = account ORDER BY c.at LIMIT 1),
          (SELECT a.time_zone FROM ledger_account a WHERE a.account_id = account)) AS zone) z
$$;
UPDATE captured_line SET day = local_day_then(account_id, at);
UPDATE hold SET ended_day = local_day_then(account_id, ended_at) WHERE NOT open;
-- Lines of one hold that are alike are not told apart: the first stands for all.
INSERT INTO refunded_line
SELECT e.account_id, e.version, e.tenant_id, l.version, -e.spent, local_day_then(e.account_id, e.at)
  FROM entry e
  LEFT JOIN entry_text x ON x.account_id = e.account_id AND x.version = e.version
  CROSS JOIN LATERAL (
      SELECT l.version FROM captured_line l
       WHERE l.account_id = e.account_id AND l.hold_id = e.hold_id AND l.version < e.version
         AND l.model IS NOT DISTINCT FROM e.model AND l.category IS NOT DISTINCT FROM e.category
       ORDER BY l.ref IS NOT DISTINCT FROM x.ref DESC, l.version LIMIT 1) l
 WHERE e.kind = 'REFUND';
DROP FUNCTION local_day_then;
INSERT INTO usage_day SELECT u.* FROM usage_journaled u;
INSERT INTO work_day SELECT w.* FROM work_journaled w;

ALTER TABLE captured_line ALTER COLUMN day SET NOT NULL;
ALTER TABLE hold ADD CONSTRAINT hold_ended_day CHECK (open = (ended_day IS NULL));
