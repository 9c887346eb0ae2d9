-- The usage of a day is what the entries of that local day charged and gave back, for each member, project, model and category.
SELECT format('account %s usage_day %s', coalesce(u.account_id, j.account_id), coalesce(u.day, j.day)) AS "where",
       format('member %s, project %s, model %s, category %s: expected %s charged, %s refunded, %s uses, %s operations;'
              ' found %s, %s, %s, %s',
              coalesce(coalesce(u.member_id, j.member_id)::text, 'none'), coalesce(u.project, j.project, 'none'),
              coalesce(u.model, j.model, 'none'), coalesce(u.category, j.category, 'none'),
              coalesce(j.charged, 0), coalesce(j.refunded, 0), coalesce(j.uses, 0), coalesce(j.operations, 0),
              coalesce(u.charged, 0), coalesce(u.refunded, 0), coalesce(u.uses, 0), coalesce(u.operations, 0)) AS message
  FROM (SELECT account_id, day, member_id, project, model, category, sum(charged) AS charged, sum(refunded) AS refunded,
               sum(uses) AS uses, sum(operations) AS operations,
               coalesce(member_id::text, '') AS of_member, coalesce('=' || project, '') AS of_project,
               coalesce('=' || model, '') AS of_model, coalesce('=' || category, '') AS of_category
          FROM usage_day GROUP BY account_id, day, member_id, project, model, category) u
  -- A full join takes plain equality only, so what may be null is compared as a text.
  FULL JOIN (SELECT account_id, day, member_id, project, model, category, charged, refunded, uses, operations,
                    coalesce(member_id::text, '') AS of_member, coalesce('=' || project, '') AS of_project,
                    coalesce('=' || model, '') AS of_model, coalesce('=' || category, '') AS of_category
               FROM usage_journaled) j
    ON j.account_id = u.account_id AND j.day = u.day AND j.of_member = u.of_member AND j.of_project = u.of_project
   AND j.of_model = u.of_model AND j.of_category = u.of_category
 WHERE (u.charged, u.refunded, u.uses, u.operations) IS DISTINCT FROM (j.charged, j.refunded, j.uses, j.operations)
 ORDER BY 1 LIMIT $1
