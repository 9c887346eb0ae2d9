-- What members $2 of an account have spent, the default for members with it.
SELECT s.account_id, s.scope, s.subject, s.tenant_id, s.spending
  FROM ledger_scope s
 WHERE s.account_id = $1 AND ((s.scope = 'MEMBER' AND s.subject = ANY ($2::text[])) OR s.scope = 'MEMBER_DEFAULT')
