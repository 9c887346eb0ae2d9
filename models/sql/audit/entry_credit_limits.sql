-- The credit limit that entries are judged by begins at 0 and changes with an ADJUSTMENT alone.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('credit_limit: expected %s, as before it, found %s at an entry of kind %s', before, credit_limit, kind) AS message
  FROM (SELECT account_id, version, kind, credit_limit,
               lag(credit_limit, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY version) AS before
          FROM entry) e
 WHERE credit_limit <> before AND kind <> 'ADJUSTMENT'
 ORDER BY account_id, version LIMIT $1
