SELECT w.newest, w.archived_at, w.name,
       clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now,
       (SELECT l.closed_at FROM ledger_account l WHERE l.account_id = w.account_id) AS closed_at,
       (SELECT count(*) FROM workflow o WHERE o.account_id = w.account_id) AS workflows
  FROM workflow w JOIN tenant t ON t.id = w.tenant_id
 WHERE w.account_id = $1 AND w.tenant_id = $2 AND w.slug = $3
   FOR NO KEY UPDATE OF w
