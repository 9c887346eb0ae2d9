-- How many works of account $1 ended from day $2 through day $3, by outcome; of member $4 and project $5, each unless null.
SELECT w.outcome, sum(w.works)::bigint AS works FROM work_day w
 WHERE w.account_id = $1 AND w.day BETWEEN $2 AND $3
   AND ($4::uuid IS NULL OR w.member_id = $4)
   AND ($5::text IS NULL OR w.project = $5)
 GROUP BY w.outcome
