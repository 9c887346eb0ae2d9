-- What an account spent on each of its days, from the day $2 on: the days are kept, whatever its time zone is now; refunds are
-- taken off on their own day.
SELECT u.day, sum(u.charged - u.refunded)::bigint AS spent
  FROM usage_day u
 WHERE u.account_id = $1 AND u.day >= $2
 GROUP BY u.day
