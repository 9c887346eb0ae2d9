-- The first and last version of an account's entries from instant $2 up to, not including, $3; nulls where there are none.
SELECT min(e.version) AS first, max(e.version) AS last FROM entry e WHERE e.account_id = $1 AND e.at >= $2 AND e.at < $3
