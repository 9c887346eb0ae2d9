-- A page of an account's holds, newest first, below hold $2; only those in state $3 unless it is null. As ledger_hold_v2.
-- $5: beside the pool's, only rows of these members, unless it is null.
SELECT account_id, hold_id, tenant_id, state, amount, remaining, captured, returned, refunded, overrun, rounding,
       rounding_unit, metered, captures, price_book_version, member_id, project, lines::text, created_at, expires_at,
       ended_at, outcome, description, ended_day
  FROM hold
 WHERE account_id = $1 AND hold_id < $2 AND ($3::text IS NULL OR state = $3)
   AND ($5::uuid[] IS NULL OR member_id IS NULL OR member_id = ANY ($5))
 ORDER BY hold_id DESC LIMIT $4
