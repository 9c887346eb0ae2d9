-- By how much the sums of works of account $1 differ from its holds, as ledger_work_v2 to be added.
SELECT a.account_id, d.day, d.member_id, d.project, d.outcome, a.tenant_id, sum(d.works)::bigint AS works
  FROM ledger_account a
  CROSS JOIN (SELECT day, member_id, project, outcome, works FROM work_journaled WHERE account_id = $1
              UNION ALL
              SELECT day, member_id, project, outcome, -works FROM work_day WHERE account_id = $1) d
 WHERE a.account_id = $1
 GROUP BY a.account_id, d.day, d.member_id, d.project, d.outcome, a.tenant_id
HAVING sum(d.works) <> 0
