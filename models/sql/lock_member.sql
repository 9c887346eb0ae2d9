-- Lets nobody change or remove a member until the transaction ends.
SELECT FROM member WHERE account_id = $1 AND member_id = $2 FOR SHARE
