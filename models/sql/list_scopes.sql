-- What a member and a project of an account have spent, the default for members with it. Null names are nobody's.
SELECT s.account_id, s.scope, s.subject, s.tenant_id, s.spending
  FROM ledger_scope s
 WHERE s.account_id = $1
   AND ((s.scope = 'MEMBER' AND s.subject = $2) OR (s.scope = 'MEMBER_DEFAULT' AND $2::text IS NOT NULL)
        OR (s.scope = 'PROJECT' AND s.subject = $3))
