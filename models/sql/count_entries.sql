-- How many entries of an account's journal pass the filters of list_entries.
-- $9: beside the pool's, only rows of these members, unless it is null.
SELECT count(*) FROM entry e
 WHERE e.account_id = $1 AND e.version > $2
   AND ($3::text[] IS NULL OR e.kind = ANY ($3))
   AND ($4::text IS NULL OR e.project = $4)
   AND ($5::text IS NULL OR e.model = $5)
   AND ($6::timestamptz IS NULL OR e.at >= $6)
   AND ($7::timestamptz IS NULL OR e.at < $7)
   AND ($8::uuid IS NULL OR e.member_id = $8)
   AND ($9::uuid[] IS NULL OR e.member_id IS NULL OR e.member_id = ANY ($9))
