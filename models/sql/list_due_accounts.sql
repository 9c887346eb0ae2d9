-- Accounts that have something due by their tenant's clock, earliest first in each tenant; of one tenant unless $1 is null.
SELECT d.tenant_id, d.account_id
  FROM tenant t
  CROSS JOIN LATERAL (
      SELECT a.tenant_id, a.account_id FROM ledger_account a
       WHERE a.tenant_id = t.id
         AND a.due_at <= clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
       ORDER BY a.due_at LIMIT $2
  ) d
 WHERE $1::uuid IS NULL OR t.id = $1
 LIMIT $2
