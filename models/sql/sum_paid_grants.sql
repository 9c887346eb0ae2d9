-- What was paid, by currency, for an account's grants that have tokens left at $2, and how many tokens came with them:
-- what is assigned has its share of both.
SELECT paid_currency AS currency, sum(paid_minor_units) AS minor_units, sum(granted - moved) AS tokens_micros
  FROM token_grant
 WHERE account_id = $1 AND open AND ended IS NULL AND (expires_at IS NULL OR expires_at > $2)
   AND paid_minor_units > 0 AND paid_currency IS NOT NULL
 GROUP BY paid_currency ORDER BY paid_currency
