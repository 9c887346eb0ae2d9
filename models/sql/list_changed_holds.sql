-- Holds of account $1 that changed by entries beyond version $2, none of which was made before $3: as ledger_hold_v2 without
-- lines, with how the entries changed what they hold, and whether they were open at that version: once a hold has ended only
-- refunds change it, but these may also come before. At most $4.
SELECT h.account_id, h.hold_id, h.tenant_id, h.state, h.amount, h.remaining, h.captured, h.returned, h.refunded, h.overrun,
       h.rounding, h.rounding_unit, h.metered, h.captures, h.price_book_version, h.member_id, h.project, '[]' AS lines,
       h.created_at, h.expires_at, h.ended_at, h.outcome, h.description, h.ended_day, c.held_change,
       c.was_there AND (h.open OR c.was_changed_open) AS was_open
  FROM (SELECT e.hold_id, sum(e.held_change)::bigint AS held_change,
               e.hold_id <= $2 AS was_there, bool_or(e.kind <> 'REFUND') AS was_changed_open
          FROM entry e WHERE e.account_id = $1 AND e.version > $2 AND e.at >= $3 AND e.hold_id IS NOT NULL
         GROUP BY e.hold_id LIMIT $4) c
  -- One by one, whatever the planner makes of how many holds an account has.
 CROSS JOIN LATERAL (SELECT * FROM hold o WHERE o.account_id = $1 AND o.hold_id = c.hold_id LIMIT 1) h
