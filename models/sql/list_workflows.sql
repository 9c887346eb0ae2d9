-- A page of an account's workflows in their newest versions, after the slug $3 unless it is null; archived ones only with $4.
SELECT w.account_id, w.slug, w.name, w.archived_at, v.version, v.lines, v.note, v.created_at
  FROM workflow w
  JOIN workflow_version v ON v.account_id = w.account_id AND v.slug = w.slug AND v.version = w.newest
 WHERE w.account_id = $1 AND w.tenant_id = $2 AND ($3::text IS NULL OR w.slug > $3) AND ($4 OR w.archived_at IS NULL)
 ORDER BY w.slug LIMIT $5
