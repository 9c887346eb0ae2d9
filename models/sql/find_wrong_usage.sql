-- By how much the usage sums of account $1 differ from its journal, as ledger_usage_v2 to be added; what both count at this
-- moment is the same on both sides, so the differences stay right while others write.
SELECT a.account_id, d.day, d.member_id, d.project, d.model, d.category, a.tenant_id, sum(d.charged)::bigint AS charged,
       sum(d.refunded)::bigint AS refunded, sum(d.uses)::bigint AS uses, sum(d.operations)::bigint AS operations
  FROM ledger_account a
  CROSS JOIN (SELECT day, member_id, project, model, category, charged, refunded, uses, operations
                FROM usage_journaled WHERE account_id = $1
              UNION ALL
              SELECT day, member_id, project, model, category, -charged, -refunded, -uses, -operations
                FROM usage_day WHERE account_id = $1) d
 WHERE a.account_id = $1
 GROUP BY a.account_id, d.day, d.member_id, d.project, d.model, d.category, a.tenant_id
HAVING (sum(d.charged), sum(d.refunded), sum(d.uses), sum(d.operations)) <> (0, 0, 0, 0)
