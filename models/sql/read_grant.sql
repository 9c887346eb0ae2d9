-- One grant, as ledger_grant_v2.
SELECT account_id, grant_id, tenant_id, source, source_ref, granted, remaining, held, spent, settled, moved, transferred, expired, revoked,
       ended, grace, priority, expires_at, created_at, member_id, project, parent_id, paid_minor_units, paid_currency,
       note, notice_at
  FROM token_grant WHERE account_id = $1 AND grant_id = $2
