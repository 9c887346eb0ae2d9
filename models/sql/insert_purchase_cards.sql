INSERT INTO purchase_card (account_id, fingerprint, tenant_id)
SELECT n.account_id, n.fingerprint, n.tenant_id
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) n (account_id, fingerprint, tenant_id)
ON CONFLICT DO NOTHING
