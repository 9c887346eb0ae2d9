-- How many members list_members lists in all.
SELECT count(*) FROM member WHERE account_id = $1 AND tenant_id = $2 AND (NOT $3::boolean OR active)
