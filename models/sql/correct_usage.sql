-- Adds differences to the usage sums.
INSERT INTO usage_day AS u SELECT n.* FROM unnest($1::ledger_usage_v2[]) n
    ON CONFLICT (account_id, day, member_id, project, model, category) DO UPDATE
       SET charged = u.charged + excluded.charged, refunded = u.refunded + excluded.refunded,
           uses = u.uses + excluded.uses, operations = u.operations + excluded.operations
