-- A page of what a tenant captured from instant $2 on, by account and version, after the line ($3, $4); $5 lines.
SELECT account_id, version, rounding, model, params::text AS params, count, cost, amount, refunded, price_book_version
  FROM captured_line
 WHERE tenant_id = $1 AND at >= $2 AND (account_id, version) > ($3, $4)
 ORDER BY account_id, version
 LIMIT $5
