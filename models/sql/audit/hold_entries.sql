-- Every hold was made by the HOLD entry whose version is its id.
SELECT format('account %s hold %s', h.account_id, h.hold_id) AS "where",
       CASE WHEN e.version IS NULL THEN 'expected the HOLD entry that made it, found none'
            ELSE format('expected what its HOLD entry says: made at %s for member %s, project %s;'
                        ' found made at %s for member %s, project %s',
                        e.at, coalesce(e.member_id::text, 'none'), coalesce(e.project, 'none'),
                        h.created_at, coalesce(h.member_id::text, 'none'), coalesce(h.project, 'none')) END AS message
  FROM hold h
  LEFT JOIN (SELECT account_id, version, at, member_id, project FROM entry
              WHERE kind = 'HOLD' AND hold_id = version) e
    ON e.account_id = h.account_id AND e.version = h.hold_id
 WHERE e.version IS NULL OR e.at <> h.created_at
    OR e.member_id IS DISTINCT FROM h.member_id OR e.project IS DISTINCT FROM h.project
 ORDER BY h.account_id, h.hold_id LIMIT $1
