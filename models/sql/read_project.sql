SELECT * FROM project WHERE account_id = $1 AND tenant_id = $2 AND name = $3
