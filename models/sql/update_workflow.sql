UPDATE workflow SET name = $3, newest = $4, archived_at = $5 WHERE account_id = $1 AND slug = $2
