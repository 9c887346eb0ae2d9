-- What account $1 was charged and given back by entries beyond version $2, by local day, member, project, model and category.
-- Lines and refunds are named by the versions of their entries, so that their primary keys lead there.
SELECT m.day, m.member_id, m.project, m.model, m.category, sum(m.charged)::bigint AS charged, sum(m.refunded)::bigint AS refunded,
       sum(m.uses)::bigint AS uses, sum(m.operations)::bigint AS operations
  FROM (SELECT l.day, l.member_id, l.project, l.model, l.category, l.amount AS charged, 0::bigint AS refunded,
               CASE WHEN l.rounding THEN 0 ELSE l.count END AS uses, CASE WHEN l.rounding THEN 0 ELSE 1 END AS operations
          FROM captured_line l WHERE l.account_id = $1 AND l.version > $2
        UNION ALL
        SELECT r.day, l.member_id, l.project, l.model, l.category, 0, r.amount, 0, 0
          FROM refunded_line r
          -- One by one, whatever the planner makes of how many lines an account has.
         CROSS JOIN LATERAL (SELECT * FROM captured_line c WHERE c.account_id = $1 AND c.version = r.line LIMIT 1) l
         WHERE r.account_id = $1 AND r.version > $2) m
 GROUP BY m.day, m.member_id, m.project, m.model, m.category
