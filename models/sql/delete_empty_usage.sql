-- Sums of account $1 to which nothing was ever added.
DELETE FROM usage_day WHERE account_id = $1 AND charged = 0 AND refunded = 0 AND uses = 0 AND operations = 0
