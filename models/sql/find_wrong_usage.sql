-- By how much the usage sums of account $1 differ from its journal, as ledger_usage_v2 to be added; what both count at this
-- moment is the same on both sides, so the differences stay right while others write.
SELECT d.account_id, d.day, d.member_id, d.project, d.model, d.category, d.tenant_id, sum(d.charged)::bigint AS charged,
       sum(d.refunded)::bigint AS refunded, sum(d.uses)::bigint AS uses, sum(d.operations)::bigint AS operations
  FROM (SELECT account_id, day, member_id, project, model, category, tenant_id, charged, refunded, uses, operations
          FROM usage_journaled WHERE account_id = $1
        UNION ALL
        SELECT account_id, day, member_id, project, model, category, tenant_id, -charged, -refunded, -uses, -operations
          FROM usage_day WHERE account_id = $1) d
 GROUP BY d.account_id, d.day, d.member_id, d.project, d.model, d.category, d.tenant_id
HAVING (sum(d.charged), sum(d.refunded), sum(d.uses), sum(d.operations)) <> (0, 0, 0, 0)
