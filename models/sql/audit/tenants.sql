-- Nothing crosses tenants: every row has the tenant of its account, and an account to belong to.
SELECT format('account %s %s %s', r.account_id, r.in_table, r.row_id) AS "where",
       format('tenant_id: expected %s, found %s', coalesce(a.tenant_id::text, 'an account'), r.tenant_id) AS message
  FROM (SELECT account_id, tenant_id, 'account' AS in_table, external_id::text AS row_id FROM account
        UNION ALL
        SELECT account_id, tenant_id, 'token_grant', grant_id::text FROM token_grant
        UNION ALL
        SELECT account_id, tenant_id, 'hold', hold_id::text FROM hold
        UNION ALL
        SELECT account_id, tenant_id, 'hold_allocation', hold_id || '/' || ordinal FROM hold_allocation
        UNION ALL
        SELECT account_id, tenant_id, 'captured_line', version::text FROM captured_line
        UNION ALL
        SELECT account_id, tenant_id, 'entry', version::text FROM entry
        UNION ALL
        SELECT account_id, tenant_id, 'entry_text', version::text FROM entry_text
        UNION ALL
        SELECT account_id, tenant_id, 'operation', mutation || '/' || key FROM operation
        UNION ALL
        SELECT account_id, tenant_id, 'inbox', origin || '/' || message_id FROM inbox
        UNION ALL
        SELECT account_id, tenant_id, 'member', member_id::text FROM member
        UNION ALL
        SELECT account_id, tenant_id, 'ledger_scope', scope || '/' || subject FROM ledger_scope
        UNION ALL
        SELECT account_id, tenant_id, 'alert_event', event_id::text FROM alert_event
        UNION ALL
        SELECT account_id, tenant_id, 'usage_day', day::text FROM usage_day
        UNION ALL
        SELECT account_id, tenant_id, 'refunded_line', version::text FROM refunded_line
        UNION ALL
        SELECT account_id, tenant_id, 'work_day', day::text FROM work_day
        UNION ALL
        SELECT account_id, tenant_id, 'outbox', topic || '/' || message_id FROM outbox
        UNION ALL
        SELECT account_id, tenant_id, 'project', name FROM project
        UNION ALL
        SELECT account_id, tenant_id, 'promo_claim', key FROM promo_claim
        UNION ALL
        SELECT owner_id, tenant_id, 'promo_guesses', '' FROM promo_guesses WHERE owner_id <> tenant_id
        UNION ALL
        SELECT account_id, tenant_id, 'purchase_card', fingerprint FROM purchase_card
        UNION ALL
        SELECT account_id, tenant_id, 'referral', 'of it' FROM referral
        UNION ALL
        SELECT referrer_id, tenant_id, 'referral', 'by it' FROM referral
        UNION ALL
        SELECT account_id, tenant_id, 'workflow', slug FROM workflow
        UNION ALL
        SELECT account_id, tenant_id, 'workflow_version', slug || '/' || version FROM workflow_version
        UNION ALL
        SELECT account_id, tenant_id, 'api_key', id::text FROM api_key WHERE account_id IS NOT NULL
        UNION ALL
        SELECT account_id, tenant_id, 'client_token_revocation', coalesce(member_id, account_id)::text FROM client_token_revocation
        UNION ALL
        SELECT account_id, tenant_id, 'change_log', id::text FROM change_log WHERE account_id IS NOT NULL
        UNION ALL
        SELECT owner_id, tenant_id, 'quote', quote_id::text FROM quote WHERE owner_id <> tenant_id) r
  LEFT JOIN ledger_account a ON a.account_id = r.account_id
 WHERE a.tenant_id IS DISTINCT FROM r.tenant_id
 ORDER BY r.account_id, r.in_table, r.row_id LIMIT $1
