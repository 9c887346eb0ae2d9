SELECT count(*) FROM change_log WHERE tenant_id = $1 AND ($2::uuid IS NULL OR account_id = $2)
