-- How many projects list_projects lists in all.
SELECT count(*) FROM project WHERE account_id = $1 AND tenant_id = $2 AND ($3 OR archived_at IS NULL)
