-- The call of a captured line is the first line that the same commit captured, of the same hold at the same instant.
SELECT format('account %s captured_line %s', l.account_id, l.version) AS "where",
       format('call: expected an earlier line or itself, of hold %s at %s, found %s', l.hold_id, l.at, l.call) AS message
  FROM captured_line l
  LEFT JOIN captured_line f ON f.account_id = l.account_id AND f.version = l.call
 WHERE f.version IS NULL OR f.version > l.version OR f.call <> f.version OR f.hold_id <> l.hold_id OR f.at <> l.at
 ORDER BY l.account_id, l.version LIMIT $1
