INSERT INTO change_log (tenant_id, actor_kind, actor_key_id, actor_member_id, act, account_id, subject, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
