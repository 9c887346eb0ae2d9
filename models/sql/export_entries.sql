-- A page of an account's journal, oldest first, up to version $2 and above $3; filtered by kinds $4, member $5, project $6, model
-- $7, and time from $8 up to but not including $9, each unless null; $10 entries.
SELECT e.account_id, e.version, e.kind, e.at, e.total_change, e.held_change, e.owed_change, e.clawed_change, e.spent, e.available_after,
       e.credit_limit, e.member_id, e.project, e.model, e.category, e.hold_id, e.grant_id, x.ref, x.note, x.salt,
       e.text_digest, e.hash
  FROM entry e LEFT JOIN entry_text x ON x.account_id = e.account_id AND x.version = e.version
 WHERE e.account_id = $1 AND e.version <= $2 AND e.version > $3
   AND ($4::text[] IS NULL OR e.kind = ANY ($4))
   AND ($5::uuid IS NULL OR e.member_id = $5)
   AND ($6::text IS NULL OR e.project = $6)
   AND ($7::text IS NULL OR e.model = $7)
   AND ($8::timestamptz IS NULL OR e.at >= $8)
   AND ($9::timestamptz IS NULL OR e.at < $9)
 ORDER BY e.version LIMIT $10
