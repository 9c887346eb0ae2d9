-- Gives a claim's redemption back to its code, once.
WITH released AS (
    DELETE FROM promo_claim WHERE account_id = $1 AND claim_id = $2 AND grant_id IS NULL RETURNING promo_code_id
)
UPDATE promo_code c SET claimed = c.claimed - 1 FROM released r WHERE c.promo_code_id = r.promo_code_id
