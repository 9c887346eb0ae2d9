-- What happened to hold $2, in order, up to $4 entries; none of it before $3, when it was made. As list_entries.
SELECT e.account_id, e.version, e.kind, e.at, e.total_change, e.held_change, e.owed_change, e.clawed_change, e.spent, e.available_after,
       e.credit_limit, e.member_id, e.project, e.model, e.category, e.hold_id, e.grant_id, x.ref, x.note, x.salt,
       e.text_digest, e.hash
  FROM entry e LEFT JOIN entry_text x ON x.account_id = e.account_id AND x.version = e.version
 WHERE e.account_id = $1 AND e.at >= $3
   AND e.version = ANY (ARRAY(
       SELECT v.version
         FROM (SELECT $2::bigint AS version
               UNION ALL
               SELECT l.version FROM captured_line l WHERE l.account_id = $1 AND l.hold_id = $2
               UNION ALL
               SELECT h.version FROM entry h
                WHERE h.account_id = $1 AND h.hold_id = $2 AND h.hold_id <> h.version
                  AND h.kind NOT IN ('CAPTURE', 'ROUNDING') AND h.at >= $3) v
        ORDER BY v.version LIMIT $4))
 ORDER BY e.version
