-- Grants from before are told of as well when they are about to expire; where that instant has passed, at the next look.
-- Row-level security would hide them from their owner; it is forced again at the end of the step.
ALTER TABLE token_grant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ledger_account NO FORCE ROW LEVEL SECURITY;
UPDATE token_grant
   SET notice_at = expires_at
                   - CASE WHEN expires_at - created_at > interval '192 hours' THEN interval '168 hours' ELSE interval '24 hours' END
 WHERE open AND ended IS NULL AND expires_at - created_at > interval '24 hours';
UPDATE ledger_account a
   SET due_at = least(a.due_at, g.notice_at)
  FROM (SELECT account_id, min(notice_at) AS notice_at FROM token_grant WHERE notice_at IS NOT NULL GROUP BY account_id) g
 WHERE g.account_id = a.account_id;
