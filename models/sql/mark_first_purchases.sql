-- What referred accounts bought first; of those that bought before, nothing changes.
UPDATE referral r
   SET state = 'DUE', purchase_grant_id = n.grant_id, purchased = n.purchased, percent = n.percent,
       card_fingerprint = n.card_fingerprint, attend_at = clock_timestamp()
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::integer[], $5::text[])
       n (account_id, grant_id, purchased, percent, card_fingerprint)
 WHERE r.account_id = n.account_id AND r.state = 'WAITING'
