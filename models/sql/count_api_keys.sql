SELECT count(*) FROM api_key WHERE tenant_id = $1
