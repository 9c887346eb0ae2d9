INSERT INTO referral (account_id, tenant_id, referrer_id, referred_at, state)
SELECT n.account_id, n.tenant_id, n.referrer_id, n.referred_at, 'WAITING'
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[]) n (account_id, tenant_id, referrer_id, referred_at)
