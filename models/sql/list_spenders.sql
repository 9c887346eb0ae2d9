-- Accounts of a tenant that have spent since $3 seconds before $2, and when they first did.
SELECT account_id, min(at) AS since
  FROM entry
 WHERE tenant_id = $1 AND at > $2::timestamptz - $3 * interval '1 second' AND spent > 0
 GROUP BY account_id
