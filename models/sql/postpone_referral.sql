UPDATE referral SET attend_at = clock_timestamp() + $2 * interval '1 second'
 WHERE account_id = $1 AND attend_at IS NOT NULL
