-- The captured lines of holds $2 up to version $3, of each hold the latest $4, oldest first, as ledger_line_v2.
SELECT l.*
  FROM unnest($2::bigint[]) AS w (hold_id)
 CROSS JOIN LATERAL (
     SELECT c.account_id, c.version, c.tenant_id, c.hold_id, c.call, c.rounding, c.at, c.amount, c.cost, c.refunded, c.count,
            c.price_book_version, c.member_id, c.project, c.model, c.category, c.params::text, c.ref, c.day
       FROM captured_line c WHERE c.account_id = $1 AND c.hold_id = w.hold_id AND c.version <= $3
      ORDER BY c.version DESC LIMIT $4) l
 ORDER BY l.hold_id, l.version
