-- One who redeems for an account at a time, and one who may be wrong at a time in a tenant.
SELECT owner_id, failures FROM promo_guesses WHERE owner_id = ANY ($1::uuid[]) ORDER BY owner_id FOR NO KEY UPDATE
