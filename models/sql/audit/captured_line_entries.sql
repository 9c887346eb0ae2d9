-- Every captured line is the CAPTURE or ROUNDING entry of its version, and every such entry has its line.
SELECT format('account %s captured_line %s', coalesce(l.account_id, e.account_id), coalesce(l.version, e.version)) AS "where",
       CASE WHEN l.version IS NULL THEN format('expected the line of the %s entry of %s, found none', e.kind, e.spent)
            WHEN e.version IS NULL THEN format('expected the entry that charged %s, found none', l.amount)
            ELSE format('expected what its entry says: %s of %s at %s on hold %s, model %s, category %s, member %s, project %s;'
                        ' found %s of %s at %s on hold %s, model %s, category %s, member %s, project %s',
                        e.kind, e.spent, e.at, e.hold_id, coalesce(e.model, 'none'), coalesce(e.category, 'none'),
                        coalesce(e.member_id::text, 'none'), coalesce(e.project, 'none'),
                        CASE WHEN l.rounding THEN 'ROUNDING' ELSE 'CAPTURE' END, l.amount, l.at, l.hold_id,
                        coalesce(l.model, 'none'), coalesce(l.category, 'none'), coalesce(l.member_id::text, 'none'),
                        coalesce(l.project, 'none'))
       END AS message
  FROM captured_line l
  FULL JOIN (SELECT account_id, version, at, kind, spent, hold_id, model, category, member_id, project
               FROM entry WHERE kind IN ('CAPTURE', 'ROUNDING')) e
    ON e.account_id = l.account_id AND e.version = l.version
 WHERE l.version IS NULL OR e.version IS NULL
    OR l.amount <> e.spent OR l.at <> e.at OR l.rounding <> (e.kind = 'ROUNDING')
    OR l.hold_id IS DISTINCT FROM e.hold_id OR l.model IS DISTINCT FROM e.model OR l.category IS DISTINCT FROM e.category
    OR l.member_id IS DISTINCT FROM e.member_id OR l.project IS DISTINCT FROM e.project
 ORDER BY coalesce(l.account_id, e.account_id), coalesce(l.version, e.version) LIMIT $1
