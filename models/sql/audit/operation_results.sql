-- No operation without its result: the one hold or grant that it names exists.
SELECT format('account %s operation %s/%s', o.account_id, o.mutation, o.key) AS "where",
       format('expected one result that exists, found hold %s, grant %s',
              CASE WHEN o.hold_id IS NULL THEN 'unnamed' WHEN h.hold_id IS NULL THEN o.hold_id || ' (missing)'
                   ELSE o.hold_id::text END,
              CASE WHEN o.grant_id IS NULL THEN 'unnamed' WHEN g.grant_id IS NULL THEN o.grant_id || ' (missing)'
                   ELSE o.grant_id::text END) AS message
  FROM operation o
  LEFT JOIN hold h ON h.account_id = o.account_id AND h.hold_id = o.hold_id
  LEFT JOIN token_grant g ON g.account_id = o.account_id AND g.grant_id = o.grant_id
 WHERE (o.hold_id IS NULL) = (o.grant_id IS NULL)
    OR h.hold_id IS DISTINCT FROM o.hold_id OR g.grant_id IS DISTINCT FROM o.grant_id
 ORDER BY o.account_id, o.mutation, o.key LIMIT $1
