-- Nobody but its owner may change the journal or reach its months directly, past the policies of the whole.
SELECT format('table %s', r.relation) AS "where",
       format('%s: expected no such right, found it granted to %s', r.privilege, r.grantee) AS message
  FROM (SELECT c.oid::regclass AS relation, g.privilege_type AS privilege,
               CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee)::text END AS grantee
          FROM pg_class c
          LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
         CROSS JOIN LATERAL aclexplode(c.relacl) g
         WHERE (c.oid = 'entry'::regclass OR i.inhparent = 'entry'::regclass)
           AND g.grantee <> c.relowner
           AND (c.oid <> 'entry'::regclass OR g.privilege_type NOT IN ('SELECT', 'INSERT'))) r
 ORDER BY r.relation::text, r.privilege, r.grantee LIMIT $1
