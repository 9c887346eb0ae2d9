-- Usage of account $1 from day $2 through day $3, grouped by $4 and by the lines' own names; of member $5, project $6 and model
-- $7, each unless null. At most $8 rows. Read from the lines themselves, which lie between versions $9 and $10.
SELECT g.date, g.ref, g.model, g.category, g.member_id, g.project, sum(g.charged)::bigint AS charged,
       sum(g.refunded)::bigint AS refunded, sum(g.uses)::bigint AS uses, sum(g.operations)::bigint AS operations
  FROM (SELECT CASE WHEN 'DAY' = ANY ($4::text[]) THEN m.day
                    WHEN 'WEEK' = ANY ($4) THEN date_trunc('week', m.day::timestamp)::date
                    WHEN 'MONTH' = ANY ($4) THEN date_trunc('month', m.day::timestamp)::date END AS date,
               m.ref,
               CASE WHEN 'MODEL' = ANY ($4) THEN m.model END AS model,
               CASE WHEN 'CATEGORY' = ANY ($4) THEN m.category END AS category,
               CASE WHEN 'MEMBER' = ANY ($4) THEN m.member_id END AS member_id,
               CASE WHEN 'PROJECT' = ANY ($4) THEN m.project END AS project,
               m.charged, m.refunded, m.uses, m.operations
          FROM (SELECT l.day, l.ref, l.model, l.category, l.member_id, l.project, l.amount AS charged, 0::bigint AS refunded,
                       CASE WHEN l.rounding THEN 0 ELSE l.count END AS uses,
                       CASE WHEN l.rounding THEN 0 ELSE 1 END AS operations
                  FROM captured_line l
                 WHERE l.account_id = $1 AND l.version BETWEEN $9 AND $10 AND l.day BETWEEN $2 AND $3
                UNION ALL
                SELECT r.day, l.ref, l.model, l.category, l.member_id, l.project, 0, r.amount, 0, 0
                  FROM refunded_line r JOIN captured_line l ON l.account_id = r.account_id AND l.version = r.line
                 WHERE r.account_id = $1 AND r.version BETWEEN $9 AND $10 AND r.day BETWEEN $2 AND $3) m
         WHERE ($5::uuid IS NULL OR m.member_id = $5)
           AND ($6::text IS NULL OR m.project = $6)
           AND ($7::text IS NULL OR m.model = $7)) g
 GROUP BY g.date, g.ref, g.model, g.category, g.member_id, g.project
 ORDER BY g.date, sum(g.charged) - sum(g.refunded) DESC, g.ref, g.model, g.category, g.member_id, g.project
 LIMIT $8
