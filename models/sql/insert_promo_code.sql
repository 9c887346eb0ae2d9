-- A new promo code; without an instant it is active from now on, by the tenant's clock.
INSERT INTO promo_code (promo_code_id, tenant_id, code, canonical, amount, active_from, active_to, max_redemptions,
                        max_per_account, audience, account_external_ids, grant_expires_at, grant_expires_after_days,
                        priority, note, created_at)
SELECT $1, t.id, $3, $4, $5, coalesce($6, clock.now), $7, $8, $9, $10, $11, $12, $13, $14, $15, clock.now
FROM tenant t, LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) clock
WHERE t.id = $2
RETURNING *
