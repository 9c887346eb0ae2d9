-- From the state that was read to the next, unless it has moved on meanwhile.
UPDATE referral SET state = $4, attend_at = NULL WHERE account_id = $1 AND state = $2 AND claws_back = $3
