-- A member of an account, also one that was removed.
SELECT member_id FROM member WHERE account_id = $1 AND member_id = $2
