-- Every token of a grant is accounted for: granted = remaining + what went elsewhere.
SELECT format('account %s token_grant %s', account_id, grant_id) AS "where",
       format('granted %s: remaining %s + spent %s + settled %s + moved %s + transferred %s + expired %s + revoked %s is another sum',
              granted, remaining, spent, settled, moved, transferred, expired,
              revoked) AS message
  FROM token_grant
 WHERE granted::numeric <> remaining::numeric + spent + settled + moved + transferred + expired + revoked
 ORDER BY account_id, grant_id LIMIT $1
