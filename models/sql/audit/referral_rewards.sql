-- Every reward has its referral; one that was given is there, one that was taken back or withheld is not.
SELECT format('account %s token_grant %s', g.account_id, g.grant_id) AS "where",
       format('source_ref: expected the referral of %L, found none', g.source_ref) AS message
  FROM token_grant g
  LEFT JOIN referral r
    ON r.referrer_id = g.account_id AND g.source_ref = 'referral:' || replace(r.account_id::text, '-', '')
 WHERE g.source_ref LIKE 'referral:%' AND r.account_id IS NULL
 UNION ALL
SELECT format('account %s referral', r.account_id),
       format('state %s: expected %s', r.state,
              CASE WHEN r.state = 'GIVEN' THEN 'its reward, found none' ELSE 'no reward in force, found one' END)
  FROM referral r
  LEFT JOIN token_grant g
    ON g.account_id = r.referrer_id AND g.source_ref = 'referral:' || replace(r.account_id::text, '-', '')
 WHERE CASE r.state
       WHEN 'GIVEN' THEN g.grant_id IS NULL
       WHEN 'TAKEN_BACK' THEN g.grant_id IS NOT NULL AND g.ended IS NULL
       ELSE r.state IN ('WAITING', 'WITHHELD') AND g.grant_id IS NOT NULL
       END
 ORDER BY 1 LIMIT $1
