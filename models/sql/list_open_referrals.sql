SELECT tenant_id, account_id FROM referral WHERE attend_at <= clock_timestamp() ORDER BY attend_at LIMIT $1
