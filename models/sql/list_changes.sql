-- A page of a tenant's changes, newest first, below $2; with $3 only those of one account; $4 is the page's length.
SELECT id AS change_id, at, actor_kind, actor_key_id, actor_member_id, act, account_id, subject, detail
FROM change_log
WHERE tenant_id = $1 AND id < $2 AND ($3::uuid IS NULL OR account_id = $3)
ORDER BY id DESC LIMIT $4
