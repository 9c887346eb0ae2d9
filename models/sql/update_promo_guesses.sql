UPDATE promo_guesses SET failures = $2 WHERE owner_id = $1
