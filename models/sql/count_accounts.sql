-- How many accounts list_accounts lists in all.
SELECT count(*)
  FROM account p
 WHERE p.tenant_id = $1
   AND ($3::uuid IS NULL OR p.account_id = $3)
   AND (
       $2::text IS NULL
       OR (p.external_id_folded >= lower($2) AND p.external_id_folded < lower($2) || chr(1114111))
       OR (p.name_folded >= lower($2) AND p.name_folded < lower($2) || chr(1114111))
   )
