SELECT p.*, clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now,
       (SELECT l.closed_at FROM ledger_account l WHERE l.account_id = p.account_id) AS closed_at,
       (SELECT count(*) FROM project o WHERE o.account_id = p.account_id) AS projects
  FROM project p JOIN tenant t ON t.id = p.tenant_id
 WHERE p.account_id = $1 AND p.tenant_id = $2 AND p.name = $3
   FOR NO KEY UPDATE OF p
