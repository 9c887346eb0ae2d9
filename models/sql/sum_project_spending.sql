-- What an account spent on each of these projects so far, refunds taken off.
SELECT project, sum(spent)::bigint AS spent
  FROM entry
 WHERE account_id = $1 AND project = ANY ($2::text[]) AND spent <> 0
 GROUP BY project
