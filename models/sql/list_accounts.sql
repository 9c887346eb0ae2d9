-- A page of a tenant's accounts by externalId, after $2 unless it is null; with $3, only those whose externalId or name begins
-- so, in any case; $4 is the page's length; $5 is the one account that may be listed, unless it is null. The last
-- character of all ends the range of what begins alike.
SELECT p.account_id, p.external_id, p.name, p.kind, l.time_zone, l.credit_limit, l.frozen, l.plan_id, l.closed_at
  FROM account p JOIN ledger_account l ON l.account_id = p.account_id
 WHERE p.tenant_id = $1
   AND ($5::uuid IS NULL OR p.account_id = $5)
   AND ($2::text IS NULL OR p.external_id > $2)
   AND (
       $3::text IS NULL
       OR (p.external_id_folded >= lower($3) AND p.external_id_folded < lower($3) || chr(1114111))
       OR (p.name_folded >= lower($3) AND p.name_folded < lower($3) || chr(1114111))
   )
 ORDER BY p.external_id LIMIT $4
