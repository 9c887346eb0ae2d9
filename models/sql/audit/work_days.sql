-- The work of a day is how many holds ended on that local day, for each member, project and outcome.
SELECT format('account %s work_day %s %s', coalesce(w.account_id, j.account_id), coalesce(w.day, j.day),
              coalesce(w.outcome, j.outcome)) AS "where",
       format('member %s, project %s: expected %s works, found %s',
              coalesce(coalesce(w.member_id, j.member_id)::text, 'none'), coalesce(w.project, j.project, 'none'),
              coalesce(j.works, 0), coalesce(w.works, 0)) AS message
  FROM (SELECT account_id, day, member_id, project, outcome, works,
               coalesce(member_id::text, '') AS of_member, coalesce('=' || project, '') AS of_project FROM work_day) w
  FULL JOIN (SELECT account_id, day, member_id, project, outcome, works,
                    coalesce(member_id::text, '') AS of_member, coalesce('=' || project, '') AS of_project
               FROM work_journaled) j
    ON j.account_id = w.account_id AND j.day = w.day AND j.outcome = w.outcome AND j.of_member = w.of_member
   AND j.of_project = w.of_project
 WHERE w.works IS DISTINCT FROM j.works
 ORDER BY 1 LIMIT $1
