-- The latest captured lines of holds $2 up to version $3, oldest first, as ledger_line_v2: of each hold the latest $4, with all
-- others of the call that the first of these belongs to. A call is named by the version of its first line.
SELECT l.*
  FROM unnest($2::bigint[]) AS w (hold_id)
 CROSS JOIN LATERAL (
     SELECT c.account_id, c.version, c.tenant_id, c.hold_id, c.call, c.rounding, c.at, c.amount, c.cost, c.refunded, c.count,
            c.price_book_version, c.member_id, c.project, c.model, c.category, c.params::text, c.ref, c.day
       FROM captured_line c
      WHERE c.account_id = $1 AND c.hold_id = w.hold_id AND c.version <= $3
        AND c.version >= coalesce((SELECT f.call FROM captured_line f
                                    WHERE f.account_id = $1 AND f.hold_id = w.hold_id AND f.version <= $3
                                    ORDER BY f.version DESC OFFSET $4 - 1 LIMIT 1), 0)) l
 ORDER BY l.hold_id, l.version
