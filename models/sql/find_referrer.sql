SELECT p.account_id FROM account p WHERE p.tenant_id = $1 AND p.referral_code = $2 ORDER BY p.created_at LIMIT 1
