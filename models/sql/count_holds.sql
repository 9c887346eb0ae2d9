-- How many holds an account has, in state $2 unless it is null.
-- $3: beside the pool's, only rows of these members, unless it is null.
SELECT count(*) FROM hold
 WHERE account_id = $1 AND ($2::text IS NULL OR state = $2)
   AND ($3::uuid[] IS NULL OR member_id IS NULL OR member_id = ANY ($3))
