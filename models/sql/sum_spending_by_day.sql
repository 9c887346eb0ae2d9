-- What an account spent on each day of time zone $2, from the day $3 on; refunds are taken off on their own day.
SELECT (e.at AT TIME ZONE $2)::date AS day, sum(e.spent)::bigint AS spent
  FROM entry e
 WHERE e.account_id = $1 AND e.at >= $3::date::timestamp AT TIME ZONE $2 AND e.spent <> 0
 GROUP BY day
