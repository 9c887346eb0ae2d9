-- A tenant has one; who comes second takes the first one's.
INSERT INTO signing_secret (tenant_id, secret, created_at) VALUES ($1, $2, clock_timestamp()) ON CONFLICT DO NOTHING
