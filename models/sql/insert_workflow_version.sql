INSERT INTO workflow_version (account_id, slug, version, tenant_id, lines, note, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
