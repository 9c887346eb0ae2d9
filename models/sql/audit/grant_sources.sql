-- Every grant says what it was granted for, and nothing is granted for twice.
SELECT format('account %s token_grant %s', account_id, grant_id) AS "where",
       CASE WHEN coalesce(source_ref, '') = '' THEN 'source_ref: expected what it was granted for, found nothing'
            ELSE format('source_ref: expected one grant for %L, found grant %s before it', source_ref, first_id) END AS message
  FROM (SELECT account_id, grant_id, source_ref,
               min(grant_id) OVER (PARTITION BY account_id, source_ref) AS first_id
          FROM token_grant) g
 WHERE coalesce(source_ref, '') = '' OR grant_id <> first_id
 ORDER BY account_id, grant_id LIMIT $1
