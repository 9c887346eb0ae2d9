-- Every refunded line is the REFUND entry of its version, for a captured line of the same hold, and every such entry has one.
SELECT format('account %s refunded_line %s', coalesce(r.account_id, e.account_id), coalesce(r.version, e.version)) AS "where",
       CASE WHEN r.version IS NULL THEN format('expected what the REFUND entry of %s gave back, found none', -e.spent)
            WHEN e.version IS NULL THEN format('expected the entry that gave back %s, found none', r.amount)
            ELSE format('expected %s of a line of hold %s; found %s of line %s of hold %s', -e.spent, e.hold_id, r.amount,
                        r.line, coalesce(r.hold_id::text, 'none'))
       END AS message
  FROM (SELECT r.account_id, r.version, r.line, r.amount, l.hold_id
          FROM refunded_line r
          LEFT JOIN captured_line l ON l.account_id = r.account_id AND l.version = r.line) r
  FULL JOIN (SELECT account_id, version, spent, hold_id FROM entry WHERE kind = 'REFUND') e
    ON e.account_id = r.account_id AND e.version = r.version
 WHERE r.version IS NULL OR e.version IS NULL OR r.amount <> -e.spent OR r.hold_id IS DISTINCT FROM e.hold_id
 ORDER BY coalesce(r.account_id, e.account_id), coalesce(r.version, e.version) LIMIT $1
