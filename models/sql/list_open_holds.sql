-- The open holds of account $1, for each of the views that $2 to $4 number: of one member unless null; and unless everybody's
-- ($3), beside the pool's only those of member $4. How many they are and what they hold, and of each view the newest $5, as
-- ledger_hold_v2 without lines; a view without open holds has one row of nulls.
SELECT v.number, coalesce(o.open_count, 0) AS open_count, coalesce(o.open_held, 0) AS open_held,
       h.account_id, h.hold_id, h.tenant_id, h.state, h.amount, h.remaining, h.captured, h.returned, h.refunded, h.overrun,
       h.rounding, h.rounding_unit, h.metered, h.captures, h.price_book_version, h.member_id, h.project, '[]' AS lines,
       h.created_at, h.expires_at, h.ended_at, h.outcome, h.description, h.ended_day
  FROM unnest($2::uuid[], $3::boolean[], $4::uuid[]) WITH ORDINALITY AS v (member_id, everyone, seen_member_id, number)
  LEFT JOIN LATERAL (
      SELECT s.hold_id, count(*) OVER () AS open_count, (sum(s.remaining) OVER ())::bigint AS open_held
        FROM hold s
       WHERE s.account_id = $1 AND s.open AND (v.member_id IS NULL OR s.member_id = v.member_id)
         AND (v.everyone OR s.member_id IS NULL OR s.member_id = v.seen_member_id)
       ORDER BY s.hold_id DESC LIMIT $5) o ON true
  -- One by one, whatever the planner makes of how many holds an account has.
  LEFT JOIN LATERAL (SELECT * FROM hold i WHERE i.account_id = $1 AND i.hold_id = o.hold_id LIMIT 1) h ON true
 ORDER BY v.number, h.hold_id DESC
