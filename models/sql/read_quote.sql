SELECT price_book_version, lines, total, expires_at FROM quote WHERE owner_id = $1 AND quote_id = $2 AND tenant_id = $3
