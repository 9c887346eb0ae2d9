-- One hold, as ledger_hold_v2.
SELECT account_id, hold_id, tenant_id, state, amount, remaining, captured, returned, refunded, overrun, rounding,
       rounding_unit, metered, captures, price_book_version, member_id, project, lines::text, created_at, expires_at,
       ended_at, outcome, description, ended_day
  FROM hold WHERE account_id = $1 AND hold_id = $2
