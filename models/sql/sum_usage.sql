-- Usage of account $1 from day $2 through day $3, grouped by $4; of member $5, project $6 and model $7, each unless null. At most
-- $8 rows. Read from the sums by day, so that its cost does not depend on how many entries there are.
SELECT g.date, NULL::text AS ref, g.model, g.category, g.member_id, g.project, sum(g.charged)::bigint AS charged,
       sum(g.refunded)::bigint AS refunded, sum(g.uses)::bigint AS uses, sum(g.operations)::bigint AS operations
  FROM (SELECT CASE WHEN 'DAY' = ANY ($4::text[]) THEN u.day
                    WHEN 'WEEK' = ANY ($4) THEN date_trunc('week', u.day::timestamp)::date
                    WHEN 'MONTH' = ANY ($4) THEN date_trunc('month', u.day::timestamp)::date END AS date,
               CASE WHEN 'MODEL' = ANY ($4) THEN u.model END AS model,
               CASE WHEN 'CATEGORY' = ANY ($4) THEN u.category END AS category,
               CASE WHEN 'MEMBER' = ANY ($4) THEN u.member_id END AS member_id,
               CASE WHEN 'PROJECT' = ANY ($4) THEN u.project END AS project,
               u.charged, u.refunded, u.uses, u.operations
          FROM usage_day u
         WHERE u.account_id = $1 AND u.day BETWEEN $2 AND $3
           AND ($5::uuid IS NULL OR u.member_id = $5)
           AND ($6::text IS NULL OR u.project = $6)
           AND ($7::text IS NULL OR u.model = $7)) g
 GROUP BY g.date, g.model, g.category, g.member_id, g.project
 ORDER BY g.date, sum(g.charged) - sum(g.refunded) DESC, g.model, g.category, g.member_id, g.project
 LIMIT $8
