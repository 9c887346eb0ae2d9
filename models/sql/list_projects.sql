-- A page of an account's projects by name, after $3 unless it is null; archived ones only with $4.
SELECT * FROM project
 WHERE account_id = $1 AND tenant_id = $2 AND ($3::text IS NULL OR name > $3) AND ($4 OR archived_at IS NULL)
 ORDER BY name LIMIT $5
