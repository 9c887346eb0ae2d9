-- How many grants an account has; with $2 only those with tokens that may still be spent at $3.
SELECT count(*) FROM token_grant
 WHERE account_id = $1
   AND (NOT $2::boolean OR (open AND ended IS NULL AND (expires_at IS NULL OR expires_at > $3)))
