-- What is assigned is as good as what it was split off, serves one owner, and is not split itself.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('assigned to member %s, project %s, of grant %s: expected one owner, a grant that is no part itself,'
              ' and its expiry, priority, grace and end',
              coalesce(g.member_id::text, 'none'), coalesce(g.project, 'none'), coalesce(g.parent_id::text, 'none')) AS message
  FROM token_grant g
  LEFT JOIN token_grant p ON p.account_id = g.account_id AND p.grant_id = g.parent_id
 WHERE num_nonnulls(g.member_id, g.project) <> CASE WHEN g.parent_id IS NULL THEN 0 ELSE 1 END
    -- A grant that is not there at all is for the check of references.
    OR (p.grant_id IS NOT NULL
        AND (p.parent_id IS NOT NULL OR p.priority <> g.priority OR p.grace <> g.grace
             OR p.expires_at IS DISTINCT FROM g.expires_at
             OR (p.ended IS NOT NULL AND g.ended IS NULL AND g.remaining > 0)))
 ORDER BY g.account_id, g.grant_id LIMIT $1
