-- How many holds an account has, in state $2 unless it is null.
SELECT count(*) FROM hold WHERE account_id = $1 AND ($2::text IS NULL OR state = $2)
