-- How many grants an account has; with $2 only those with tokens that may still be spent at $3.
-- $4: beside the pool's, only rows of these members, unless it is null.
SELECT count(*) FROM token_grant
 WHERE account_id = $1
   AND (NOT $2::boolean OR (open AND ended IS NULL AND (expires_at IS NULL OR expires_at > $3)))
   AND ($4::uuid[] IS NULL OR member_id IS NULL OR member_id = ANY ($4))
