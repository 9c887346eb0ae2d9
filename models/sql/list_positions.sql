-- Where accounts stand, for the watcher: one query for all that are watched. Settles nothing.
WITH watched AS MATERIALIZED (
    SELECT a.account_id, a.tenant_id, a.version, a.time_zone, a.due_at,
           (a.spending).day_starts_at AS day_starts_at, (a.spending).day_ends_at AS day_ends_at,
           (a.spending).day_limit AS day_limit
      FROM ledger_account a
     WHERE a.account_id = ANY ($1::uuid[])
), tenants AS MATERIALIZED (
    SELECT t.id, t.clock_offset_micros * interval '1 microsecond' AS clock_offset,
           (SELECT b.version
              FROM price_book b
             WHERE b.tenant_id = t.id
               AND b.effective_at <= clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
             ORDER BY b.effective_at DESC, b.version DESC
             LIMIT 1) AS book_version
      FROM tenant t
     WHERE t.id IN (SELECT w.tenant_id FROM watched w)
)
SELECT w.account_id, w.tenant_id, w.version, w.time_zone, w.day_starts_at, w.day_ends_at, w.day_limit,
       t.book_version, clock_timestamp() + t.clock_offset AS observed_at,
       extract(epoch FROM w.due_at - clock_timestamp() - t.clock_offset)::float8 AS due_in_seconds
  FROM watched w JOIN tenants t ON t.id = w.tenant_id
