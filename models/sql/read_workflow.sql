-- One version of a workflow, the newest where $4 is null.
SELECT w.account_id, w.slug, w.name, w.archived_at, v.version, v.lines, v.note, v.created_at
  FROM workflow w
  JOIN workflow_version v ON v.account_id = w.account_id AND v.slug = w.slug AND v.version = coalesce($4, w.newest)
 WHERE w.account_id = $1 AND w.tenant_id = $2 AND w.slug = $3
