-- What account $1 was charged and not given back from day $2 through day $3, either unless null; of member $4 unless null.
SELECT coalesce(sum(u.charged - u.refunded), 0)::bigint FROM usage_day u
 WHERE u.account_id = $1 AND ($2::date IS NULL OR u.day >= $2) AND ($3::date IS NULL OR u.day <= $3)
   AND ($4::uuid IS NULL OR u.member_id = $4)
