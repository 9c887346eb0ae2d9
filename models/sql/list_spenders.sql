-- Accounts of a tenant that have spent since $3 seconds before $2, and the earliest of their days that it was spent on.
SELECT e.account_id, min(l.day) AS since
  FROM entry e JOIN captured_line l ON l.account_id = e.account_id AND l.version = e.version
 WHERE e.tenant_id = $1 AND e.at > $2::timestamptz - $3 * interval '1 second' AND e.spent > 0
 GROUP BY e.account_id
