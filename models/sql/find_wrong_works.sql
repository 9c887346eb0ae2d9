-- By how much the sums of works of account $1 differ from its holds, as ledger_work_v2 to be added.
SELECT d.account_id, d.day, d.member_id, d.project, d.outcome, d.tenant_id, sum(d.works)::bigint AS works
  FROM (SELECT account_id, day, member_id, project, outcome, tenant_id, works FROM work_journaled WHERE account_id = $1
        UNION ALL
        SELECT account_id, day, member_id, project, outcome, tenant_id, -works FROM work_day WHERE account_id = $1) d
 GROUP BY d.account_id, d.day, d.member_id, d.project, d.outcome, d.tenant_id
HAVING sum(d.works) <> 0
