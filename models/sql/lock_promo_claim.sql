SELECT * FROM promo_claim WHERE account_id = $1 AND key = $2 FOR UPDATE
