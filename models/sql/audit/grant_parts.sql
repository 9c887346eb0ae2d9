-- Every token of a grant is accounted for: granted = remaining + spent + settled + expired + revoked.
SELECT format('account %s token_grant %s', account_id, grant_id) AS "where",
       format('granted %s: remaining %s + spent %s + settled %s + expired %s + revoked %s is another sum',
              granted, remaining, spent, settled, expired, revoked) AS message
  FROM token_grant
 WHERE granted::numeric <> remaining::numeric + spent + settled + expired + revoked
 ORDER BY account_id, grant_id LIMIT $1
