-- Which of these accounts no other session has locked; accounts that are not there count as free.
SELECT w.account_id FROM unnest($1::uuid[]) w (account_id)
 WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.account_id = w.account_id)
UNION ALL
SELECT f.account_id
  FROM (SELECT a.account_id FROM ledger_account a WHERE a.account_id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED) f
