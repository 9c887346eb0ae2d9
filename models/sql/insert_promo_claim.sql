-- Takes one of the code's redemptions for an account; the caller has locked the code and found that one is left.
WITH counted AS (
    UPDATE promo_code SET claimed = claimed + 1 WHERE promo_code_id = $5 AND tenant_id = $3
)
INSERT INTO promo_claim (account_id, key, tenant_id, claim_id, promo_code_id, fingerprint, claimed_at, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
