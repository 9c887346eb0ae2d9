-- What an account spent on each of these projects so far, refunds taken off: from the sums by day, so that it costs the same
-- however long the journal is.
SELECT project, sum(charged - refunded)::bigint AS spent
  FROM usage_day
 WHERE account_id = $1 AND project = ANY ($2::text[])
 GROUP BY project
