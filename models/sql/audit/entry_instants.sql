-- The time of an account's entries never runs backwards.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('at: expected %s or later, as the entry before it, found %s', before, at) AS message
  FROM (SELECT account_id, version, at, lag(at) OVER (PARTITION BY account_id ORDER BY version) AS before FROM entry) e
 WHERE at < before
 ORDER BY account_id, version LIMIT $1
