-- How many workflows list_workflows lists in all.
SELECT count(*) FROM workflow w
 WHERE w.account_id = $1 AND w.tenant_id = $2 AND w.newest > 0 AND ($3 OR w.archived_at IS NULL)
