UPDATE project SET estimate = $3, buffer_percent = $4, budget = $5, archived_at = $6
 WHERE account_id = $1 AND name = $2
RETURNING *
