-- Dated by the tenant's clock, like acts that the ledger's writer logs: one log has one time.
INSERT INTO change_log (tenant_id, at, actor_kind, actor_key_id, actor_member_id, act, account_id, subject, detail)
SELECT t.id, clock_timestamp() + t.clock_offset_micros * interval '1 microsecond', $2, $3, $4, $5, $6, $7, $8
  FROM tenant t WHERE t.id = $1
