-- Claims older than $1 seconds whose grant is not known yet: whoever made them is gone, or waits for the ledger.
SELECT * FROM promo_claim
 WHERE grant_id IS NULL AND made_at <= clock_timestamp() - $1 * interval '1 second'
 ORDER BY made_at LIMIT $2
