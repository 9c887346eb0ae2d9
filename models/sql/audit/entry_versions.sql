-- The entries of an account are numbered 1, 2, 3 … without a gap and without a double.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('version: expected %s after the entry before it, found %s', before + 1, version) AS message
  FROM (SELECT account_id, version, lag(version, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY version) AS before
          FROM entry) e
 WHERE version <> before + 1
 ORDER BY account_id, version LIMIT $1
