INSERT INTO loyalty_watch (tenant_id, reviewed_until) VALUES ($1, $2) ON CONFLICT DO NOTHING
