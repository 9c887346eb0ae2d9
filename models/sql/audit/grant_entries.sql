-- Every grant was made by the entry whose version is its id, and every entry of incoming tokens made a grant.
SELECT format('account %s token_grant %s', coalesce(g.account_id, e.account_id), coalesce(g.grant_id, e.version)) AS "where",
       CASE WHEN g.grant_id IS NULL THEN format('expected the grant of %s that its %s entry made, found none', e.total_change, e.kind)
            WHEN e.version IS NULL THEN format('expected the entry that granted %s, found none', g.granted)
            ELSE format('expected what its entry of kind %s granted: %s at %s for grant %s, member %s, project %s;'
                        ' found %s at %s for member %s, project %s',
                        e.kind, e.total_change, e.at, coalesce(e.grant_id::text, 'unnamed'),
                        coalesce(e.member_id::text, 'none'), coalesce(e.project, 'none'),
                        g.granted, g.created_at, coalesce(g.member_id::text, 'none'), coalesce(g.project, 'none'))
       END AS message
  FROM token_grant g
  -- A refund whose source is settled or clawed back makes a grant by its own entry; a transfer's is made by its credit.
  FULL JOIN (SELECT account_id, version, at, kind, total_change, member_id, project, grant_id
               FROM entry
              -- An assignment makes a grant that it names, or takes back from one that was made before.
              WHERE kind IN ('GRANT', 'REFUND') OR (kind = 'ASSIGNMENT' AND grant_id = version)
                 OR (kind = 'TRANSFER' AND total_change > 0)) e
    ON e.account_id = g.account_id AND e.version = g.grant_id
 WHERE CASE WHEN g.grant_id IS NULL THEN e.kind <> 'REFUND'
            WHEN (e.kind = 'TRANSFER') <> (g.source = 'TRANSFER') THEN true
            WHEN e.kind IN ('GRANT', 'TRANSFER') THEN e.total_change <> g.granted OR e.at <> g.created_at
                                       OR e.grant_id IS DISTINCT FROM g.grant_id
                                       OR e.member_id IS DISTINCT FROM g.member_id OR e.project IS DISTINCT FROM g.project
            WHEN e.kind = 'ASSIGNMENT' THEN g.source <> 'ASSIGNMENT' OR e.at <> g.created_at
                                            OR e.member_id IS DISTINCT FROM g.member_id OR e.project IS DISTINCT FROM g.project
            WHEN e.kind = 'REFUND' THEN e.total_change < g.granted OR e.at <> g.created_at
            ELSE true END
 ORDER BY coalesce(g.account_id, e.account_id), coalesce(g.grant_id, e.version) LIMIT $1
