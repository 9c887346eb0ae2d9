-- $3 captures of account $1 of tenant $2, spread evenly over last month, ten models and five members.
INSERT INTO entry (account_id, version, at, tenant_id, kind, total_change, held_change, owed_change, clawed_change, spent,
                   available_after, credit_limit, member_id, model, category, text_digest, hash)
SELECT $1, n, date_trunc('month', now()) - interval '1 month' + (n - 1) * (date_trunc('month', now())
       - (date_trunc('month', now()) - interval '1 month')) / $3::float8, $2, 'CAPTURE', -n, -n, 0, 0, n, 0, 0,
       ('00000000-0000-4000-8000-00000000000' || n % 5)::uuid, 'model ' || n % 10, 'image', '\x', decode(repeat('00', 32), 'hex')
  FROM generate_series(1, $3::bigint) n
