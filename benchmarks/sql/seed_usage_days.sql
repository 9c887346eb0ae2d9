-- The sums of account $1's entries by day.
INSERT INTO usage_day (account_id, day, member_id, project, model, category, tenant_id, charged, refunded, uses, operations)
SELECT e.account_id, e.at::date, e.member_id, e.project, e.model, e.category, e.tenant_id, sum(e.spent), 0, count(*), count(*)
  FROM entry e WHERE e.account_id = $1
 GROUP BY e.account_id, e.at::date, e.member_id, e.project, e.model, e.category, e.tenant_id
