-- Where accounts stand, for the watcher: one query for all that are watched. Settles nothing.
SELECT a.account_id, a.version, a.time_zone,
       (a.spending).day_starts_at AS day_starts_at, (a.spending).day_ends_at AS day_ends_at,
       clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS observed_at,
       extract(epoch FROM a.due_at - clock_timestamp() - t.clock_offset_micros * interval '1 microsecond')::float8
           AS due_in_seconds
  FROM ledger_account a JOIN tenant t ON t.id = a.tenant_id
 WHERE a.account_id = ANY ($1::uuid[])
