-- A referral with what decides it: whether the referrer is known to have the card that was paid with, and its reward.
SELECT r.referrer_id, r.state, r.purchased, r.percent, r.claws_back,
       EXISTS (
           SELECT FROM purchase_card c WHERE c.account_id = r.referrer_id AND c.fingerprint = r.card_fingerprint
       ) AS same_card,
       g.grant_id AS reward_grant_id, g.ended AS reward_ended
  FROM referral r
  LEFT JOIN token_grant g ON g.account_id = r.referrer_id AND g.source_ref = $3
 WHERE r.account_id = $1 AND r.tenant_id = $2
