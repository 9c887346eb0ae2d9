-- A page of an account's grants, newest first, below grant $2; with $3 only those with tokens that may still be spent at $4.
-- As ledger_grant_v2.
-- $6: beside the pool's, only rows of these members, unless it is null.
SELECT account_id, grant_id, tenant_id, source, source_ref, granted, remaining, held, spent, settled, moved, transferred, expired, revoked,
       ended, grace, priority, expires_at, created_at, member_id, project, parent_id, paid_minor_units, paid_currency,
       note, notice_at
  FROM token_grant
 WHERE account_id = $1 AND grant_id < $2
   AND (NOT $3::boolean OR (open AND ended IS NULL AND (expires_at IS NULL OR expires_at > $4)))
   AND ($6::uuid[] IS NULL OR member_id IS NULL OR member_id = ANY ($6))
 ORDER BY grant_id DESC LIMIT $5
