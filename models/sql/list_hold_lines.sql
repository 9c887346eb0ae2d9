-- What holds $2 were made for, line by line.
SELECT h.hold_id, h.lines::text AS lines
  FROM unnest($2::bigint[]) AS w (hold_id)
 CROSS JOIN LATERAL (SELECT * FROM hold o WHERE o.account_id = $1 AND o.hold_id = w.hold_id LIMIT 1) h
