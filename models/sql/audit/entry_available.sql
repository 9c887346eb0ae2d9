-- What was available after each entry follows from the sums up to it and the credit limit stored with it.
SELECT format('account %s entry %s', account_id, version) AS "where",
       format('available_after: expected %s, found %s', expected, available_after) AS message
  FROM (SELECT account_id, version, available_after,
               greatest(0, sum(total_change - held_change - owed_change) OVER (PARTITION BY account_id ORDER BY version)
                           + greatest(0, credit_limit)) AS expected
          FROM entry) e
 WHERE available_after <> expected
 ORDER BY account_id, version LIMIT $1
