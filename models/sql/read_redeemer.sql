-- Who wants to redeem the code of canonical form $3, and the tenant's now; no row where the tenant has no such account.
SELECT p.external_id,
       clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now,
       EXISTS (
           SELECT FROM token_grant g
            WHERE g.account_id = p.account_id AND (g.source IN ('PURCHASE', 'AUTO_TOP_UP') OR g.paid_minor_units > 0)
       ) AS has_purchased,
       (SELECT count(*) FROM promo_claim c
         WHERE c.account_id = p.account_id
           AND c.promo_code_id = (SELECT k.promo_code_id FROM promo_code k WHERE k.tenant_id = $2 AND k.canonical = $3)
       ) AS claims
  FROM account p JOIN tenant t ON t.id = p.tenant_id
 WHERE p.account_id = $1 AND p.tenant_id = $2
