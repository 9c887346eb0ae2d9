-- A first purchase was taken back, and what it earned follows; clawing back may follow a revocation.
UPDATE referral r
   SET state = 'TAKING_BACK', claws_back = n.claws_back, attend_at = clock_timestamp()
  FROM unnest($1::uuid[], $2::bigint[], $3::boolean[]) n (account_id, grant_id, claws_back)
 WHERE r.account_id = n.account_id AND r.purchase_grant_id = n.grant_id
   AND (r.state IN ('DUE', 'GIVEN') OR (n.claws_back AND NOT r.claws_back AND r.state IN ('TAKING_BACK', 'TAKEN_BACK')))
