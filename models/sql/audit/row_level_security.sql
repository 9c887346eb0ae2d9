-- Every table with a tenant's rows forces row-level security, with its two policies.
SELECT format('table %s', s.relation) AS "where",
       format('expected row-level security, forced, with tenant_rows and spanning_rows; found enabled %s, forced %s,'
              ' policies %s', s.enabled, s.forced, coalesce(s.policies, 'none')) AS message
  FROM (SELECT c.oid::regclass AS relation, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, p.policies
          FROM pg_class c
          JOIN pg_attribute a
            ON a.attrelid = c.oid AND NOT a.attisdropped
               AND a.attname = CASE c.relname WHEN 'tenant' THEN 'id' ELSE 'tenant_id' END
          LEFT JOIN (SELECT polrelid, string_agg(polname, ', ' ORDER BY polname) AS policies
                       FROM pg_policy GROUP BY polrelid) p
            ON p.polrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition) s
 WHERE NOT s.enabled OR NOT s.forced OR s.policies IS DISTINCT FROM 'spanning_rows, tenant_rows'
 ORDER BY s.relation::text LIMIT $1
