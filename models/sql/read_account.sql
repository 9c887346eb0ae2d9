-- An account as it is shown: its profile, and the settings that the ledger keeps.
SELECT p.account_id, p.external_id, p.name, p.kind, l.time_zone, l.credit_limit, l.frozen, l.plan_id, l.closed_at
  FROM account p JOIN ledger_account l ON l.account_id = p.account_id
 WHERE p.account_id = $1 AND p.tenant_id = $2
