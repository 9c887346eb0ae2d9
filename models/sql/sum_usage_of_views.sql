-- Usage of account $1 on its local day $2, for each of the views that $3 to $5 number: of one member and one project, each
-- unless null, with rows that tell members apart or not. Of a view's rows, which have its sums along, the $6 with the most to
-- tell. A member's rows are found by the key.
SELECT v.number, u.member_id, u.project, u.model, u.category, u.charged, u.refunded, u.uses, u.operations,
       u.charged_in_all, u.refunded_in_all, u.uses_in_all, u.operations_in_all
  FROM unnest($3::uuid[], $4::text[], $5::boolean[]) WITH ORDINALITY AS v (member_id, project, by_member, number)
 CROSS JOIN LATERAL (
     SELECT CASE WHEN v.by_member THEN d.member_id END AS member_id, d.project, d.model, d.category,
            sum(d.charged)::bigint AS charged, sum(d.refunded)::bigint AS refunded, sum(d.uses)::bigint AS uses,
            sum(d.operations)::bigint AS operations, (sum(sum(d.charged)) OVER ())::bigint AS charged_in_all,
            (sum(sum(d.refunded)) OVER ())::bigint AS refunded_in_all, (sum(sum(d.uses)) OVER ())::bigint AS uses_in_all,
            (sum(sum(d.operations)) OVER ())::bigint AS operations_in_all
       FROM (SELECT * FROM usage_day a WHERE v.member_id IS NULL AND a.account_id = $1 AND a.day = $2
             UNION ALL
             SELECT * FROM usage_day o WHERE o.account_id = $1 AND o.day = $2 AND o.member_id = v.member_id) d
      WHERE v.project IS NULL OR d.project = v.project
      GROUP BY 1, 2, 3, 4
      ORDER BY sum(d.charged) + sum(d.refunded) DESC, 1, 2, 3, 4 LIMIT $6) u
 ORDER BY v.number
