-- The first $3 captured lines of a hold, oldest first, as ledger_line_v2.
SELECT account_id, version, tenant_id, hold_id, call, rounding, at, amount, cost, refunded, count, price_book_version, member_id, project,
       model, category, params::text, ref, day
  FROM captured_line WHERE account_id = $1 AND hold_id = $2 ORDER BY version LIMIT $3
