-- A page of an account's journal, oldest first, below version $2 and above $3, filtered by kinds $4, project $5, model $6,
-- time from $7 up to but not including $8, and member $10, each unless null.
-- $11: beside the pool's, only rows of these members, unless it is null.
SELECT e.account_id, e.version, e.kind, e.at, e.total_change, e.held_change, e.owed_change, e.clawed_change, e.spent, e.available_after,
       e.credit_limit, e.member_id, e.project, e.model, e.category, e.hold_id, e.grant_id, x.ref, x.note, x.salt,
       e.text_digest, e.hash
  FROM entry e LEFT JOIN entry_text x ON x.account_id = e.account_id AND x.version = e.version
 WHERE e.account_id = $1 AND e.version < $2 AND e.version > $3
   AND ($4::text[] IS NULL OR e.kind = ANY ($4))
   AND ($5::text IS NULL OR e.project = $5)
   AND ($6::text IS NULL OR e.model = $6)
   AND ($7::timestamptz IS NULL OR e.at >= $7)
   AND ($8::timestamptz IS NULL OR e.at < $8)
   AND ($10::uuid IS NULL OR e.member_id = $10)
   AND ($11::uuid[] IS NULL OR e.member_id IS NULL OR e.member_id = ANY ($11))
 ORDER BY e.version LIMIT $9
