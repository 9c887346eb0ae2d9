-- Whatever names a hold, a grant or an entry names one that exists.
SELECT format('account %s %s %s', r.account_id, r.in_table, r.row_id) AS "where",
       format('names %s %s, which does not exist', r.kind, r.local_id) AS message
  FROM (SELECT n.account_id, n.in_table, n.row_id, 'hold' AS kind, n.hold_id AS local_id
          FROM (SELECT account_id, 'entry' AS in_table, version::text AS row_id, hold_id FROM entry
                 WHERE hold_id IS NOT NULL
                UNION ALL
                SELECT account_id, 'hold_allocation', hold_id || '/' || ordinal, hold_id FROM hold_allocation
                UNION ALL
                SELECT account_id, 'captured_line', version::text, hold_id FROM captured_line) n
          LEFT JOIN hold h ON h.account_id = n.account_id AND h.hold_id = n.hold_id
         WHERE h.hold_id IS NULL
        UNION ALL
        SELECT n.account_id, n.in_table, n.row_id, 'grant', n.grant_id
          FROM (SELECT account_id, 'entry' AS in_table, version::text AS row_id, grant_id FROM entry
                 WHERE grant_id IS NOT NULL
                UNION ALL
                SELECT account_id, 'hold_allocation', hold_id || '/' || ordinal, grant_id FROM hold_allocation
                 WHERE grant_id IS NOT NULL
                UNION ALL
                SELECT account_id, 'token_grant', grant_id::text, parent_id FROM token_grant
                 WHERE parent_id IS NOT NULL) n
          LEFT JOIN token_grant g ON g.account_id = n.account_id AND g.grant_id = n.grant_id
         WHERE g.grant_id IS NULL
        UNION ALL
        SELECT t.account_id, 'entry_text', t.version::text, 'entry', t.version
          FROM entry_text t LEFT JOIN entry e ON e.account_id = t.account_id AND e.version = t.version
         WHERE e.version IS NULL) r
 ORDER BY r.account_id, r.in_table, r.row_id LIMIT $1
