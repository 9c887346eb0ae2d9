-- Writes what a batch changed: one call, in the transaction that loaded the rows. Empty arrays cost nothing. Gives the
-- transaction's id, which every account's row that it wrote has as its xmin.

CREATE FUNCTION ledger_write_v3(
    accounts ledger_account_v2[],
    new_grants ledger_grant_v2[],
    changed_grants ledger_grant_v2[],
    new_holds ledger_hold_v2[],
    changed_holds ledger_hold_v2[],
    new_allocations ledger_allocation_v1[],
    changed_allocations ledger_allocation_v1[],
    new_lines ledger_line_v2[],
    changed_lines ledger_line_v2[],
    entries ledger_entry_v1[],
    texts ledger_text_v1[],
    operations ledger_operation_v1[],
    messages ledger_message_v1[],
    profiles ledger_profile_v1[],
    names ledger_text_name_v1[],
    members ledger_member_v2[],
    scopes ledger_scope_v2[],
    alerts ledger_alert_v2[],
    rearmed ledger_rearmed_v2[],
    used ledger_usage_v2[],
    worked ledger_work_v2[],
    outgoing ledger_outgoing_v2[],
    changes ledger_change_v2[],
    refunds ledger_refund_v2[],
    tallies ledger_tally_v3[],
    burned ledger_burned_v3[],
    begun ledger_begun_v3[],
    set_aside ledger_set_aside_v3[]
) RETURNS xid LANGUAGE plpgsql VOLATILE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF cardinality(accounts) > 0 THEN
        UPDATE ledger_account a
           SET opened = n.opened, frozen = n.frozen, time_zone = n.time_zone, credit_limit = n.credit_limit,
               total = n.total, held = n.held, credit_drawn = n.credit_drawn, clawed_back = n.clawed_back,
               grace_days = n.grace_days, mark = n.mark, version = n.version, head_hash = n.head_hash,
               due_at = n.due_at, last_at = n.last_at, plan_id = n.plan_id, closed_at = n.closed_at,
               assigned = n.assigned, spending = n.spending, alerting = n.alerting
          FROM unnest(accounts) n WHERE a.account_id = n.account_id;
    END IF;
    IF cardinality(tallies) > 0 THEN
        UPDATE ledger_account a
           SET total = n.total, held = n.held, credit_drawn = n.credit_drawn, mark = n.mark, version = n.version,
               head_hash = n.head_hash, due_at = n.due_at, last_at = n.last_at,
               spending.day_consumed = n.day_consumed, spending.week_consumed = n.week_consumed,
               spending.month_consumed = n.month_consumed, spending.total_consumed = n.total_consumed
          FROM unnest(tallies) n WHERE a.account_id = n.account_id;
    END IF;
    IF cardinality(new_grants) > 0 THEN
        INSERT INTO token_grant (account_id, grant_id, tenant_id, source, source_ref, granted, remaining, held, spent,
                                 settled, moved, transferred, expired, revoked, open, ended, grace, priority,
                                 expires_at, created_at, member_id, project, parent_id, paid_minor_units,
                                 paid_currency, note, notice_at)
            SELECT n.account_id, n.grant_id, n.tenant_id, n.source, n.source_ref, n.granted, n.remaining, n.held,
                   n.spent, n.settled, n.moved, n.transferred, n.expired, n.revoked, n.remaining > 0, n.ended, n.grace, n.priority,
                   n.expires_at, n.created_at, n.member_id, n.project, n.parent_id, n.paid_minor_units,
                   n.paid_currency, n.note, n.notice_at
              FROM unnest(new_grants) n;
    END IF;
    IF cardinality(changed_grants) > 0 THEN
        UPDATE token_grant g
           SET remaining = n.remaining, held = n.held, spent = n.spent, settled = n.settled, moved = n.moved,
               transferred = n.transferred, expired = n.expired,
               revoked = n.revoked, open = n.remaining > 0, ended = n.ended, notice_at = n.notice_at,
               paid_minor_units = n.paid_minor_units
          FROM unnest(changed_grants) n WHERE g.account_id = n.account_id AND g.grant_id = n.grant_id;
    END IF;
    IF cardinality(burned) > 0 THEN
        UPDATE token_grant g SET remaining = n.remaining, held = n.held, spent = n.spent, open = n.remaining > 0
          FROM unnest(burned) n WHERE g.account_id = n.account_id AND g.grant_id = n.grant_id;
    END IF;
    IF cardinality(begun) > 0 THEN
        INSERT INTO hold
            SELECT n.account_id, n.hold_id, n.tenant_id, 'OPEN', true, n.amount, n.amount, 0, 0, 0, 0, 0,
                   n.rounding_unit, 0, 0, n.price_book_version, n.member_id, n.project, n.lines::json, n.created_at,
                   n.expires_at, NULL, NULL, n.description, NULL
              FROM unnest(begun) n;
    END IF;
    IF cardinality(new_holds) > 0 THEN
        INSERT INTO hold
            SELECT n.account_id, n.hold_id, n.tenant_id, n.state, n.state = 'OPEN', n.amount, n.remaining, n.captured,
                   n.returned, n.refunded, n.overrun, n.rounding, n.rounding_unit, n.metered, n.captures,
                   n.price_book_version, n.member_id, n.project, n.lines::json, n.created_at, n.expires_at,
                   n.ended_at, n.outcome, n.description, n.ended_day
              FROM unnest(new_holds) n;
    END IF;
    IF cardinality(changed_holds) > 0 THEN
        UPDATE hold h
           SET state = n.state, open = n.state = 'OPEN', amount = n.amount, remaining = n.remaining,
               captured = n.captured, returned = n.returned, refunded = n.refunded, overrun = n.overrun,
               rounding = n.rounding, rounding_unit = n.rounding_unit, metered = n.metered, captures = n.captures,
               lines = n.lines::json, expires_at = n.expires_at, ended_at = n.ended_at, outcome = n.outcome,
               ended_day = n.ended_day
          FROM unnest(changed_holds) n WHERE h.account_id = n.account_id AND h.hold_id = n.hold_id;
    END IF;
    IF cardinality(set_aside) > 0 THEN
        INSERT INTO hold_allocation
            SELECT n.account_id, n.hold_id, n.ordinal, n.tenant_id, n.grant_id, n.held, 0, 0, 0, 0
              FROM unnest(set_aside) n;
    END IF;
    IF cardinality(new_allocations) > 0 THEN
        INSERT INTO hold_allocation SELECT n.* FROM unnest(new_allocations) n;
    END IF;
    IF cardinality(changed_allocations) > 0 THEN
        UPDATE hold_allocation l
           SET held = n.held, captured = n.captured, returned = n.returned, refunded = n.refunded,
               redirected = n.redirected
          FROM unnest(changed_allocations) n
         WHERE l.account_id = n.account_id AND l.hold_id = n.hold_id AND l.ordinal = n.ordinal;
    END IF;
    IF cardinality(new_lines) > 0 THEN
        INSERT INTO captured_line
            SELECT n.account_id, n.version, n.tenant_id, n.hold_id, n.call, n.rounding, n.at, n.amount, n.cost,
                   n.refunded, n.count,
                   n.price_book_version, n.member_id, n.project, n.model, n.category, n.params::json, n.ref, n.day
              FROM unnest(new_lines) n;
    END IF;
    IF cardinality(changed_lines) > 0 THEN
        UPDATE captured_line l SET refunded = n.refunded
          FROM unnest(changed_lines) n WHERE l.account_id = n.account_id AND l.version = n.version;
    END IF;
    IF cardinality(refunds) > 0 THEN
        INSERT INTO refunded_line SELECT n.* FROM unnest(refunds) n;
    END IF;
    INSERT INTO entry SELECT n.* FROM unnest(entries) n;
    IF cardinality(texts) > 0 THEN
        INSERT INTO entry_text SELECT n.* FROM unnest(texts) n;
    END IF;
    IF cardinality(operations) > 0 THEN
        INSERT INTO operation SELECT n.* FROM unnest(operations) n;
    END IF;
    IF cardinality(messages) > 0 THEN
        INSERT INTO inbox SELECT n.* FROM unnest(messages) n;
    END IF;
    IF cardinality(profiles) > 0 THEN
        INSERT INTO account (account_id, tenant_id, external_id, name, kind, created_at)
            SELECT n.account_id, n.tenant_id, n.external_id, n.name, n.kind, n.created_at FROM unnest(profiles) n;
    END IF;
    IF cardinality(names) > 0 THEN
        UPDATE account a SET name = n.text FROM unnest(names) n WHERE a.account_id = n.account_id;
    END IF;
    IF cardinality(members) > 0 THEN
        INSERT INTO member AS m SELECT n.* FROM unnest(members) n
            ON CONFLICT (account_id, member_id) DO UPDATE
               SET name = excluded.name, role = excluded.role, active = excluded.active, removed_at = excluded.removed_at;
    END IF;
    IF cardinality(scopes) > 0 THEN
        INSERT INTO ledger_scope AS s SELECT n.* FROM unnest(scopes) n
            ON CONFLICT (account_id, scope, subject) DO UPDATE SET spending = excluded.spending;
    END IF;
    IF cardinality(alerts) > 0 THEN
        INSERT INTO alert_event SELECT n.* FROM unnest(alerts) n;
    END IF;
    IF cardinality(rearmed) > 0 THEN
        UPDATE alert_event e SET rearmed_at = n.rearmed_at
          FROM unnest(rearmed) n WHERE e.account_id = n.account_id AND e.event_id = n.event_id;
    END IF;
    -- Sums, added to what is there, so that nothing has to be loaded; nobody else writes while the account is locked.
    IF cardinality(used) > 0 THEN
        INSERT INTO usage_day AS u SELECT n.* FROM unnest(used) n
            ON CONFLICT (account_id, day, member_id, project, model, category) DO UPDATE
               SET charged = u.charged + excluded.charged, refunded = u.refunded + excluded.refunded,
                   uses = u.uses + excluded.uses, operations = u.operations + excluded.operations;
    END IF;
    IF cardinality(worked) > 0 THEN
        INSERT INTO work_day AS w SELECT n.* FROM unnest(worked) n
            ON CONFLICT (account_id, day, member_id, project, outcome) DO UPDATE SET works = w.works + excluded.works;
    END IF;
    IF cardinality(outgoing) > 0 THEN
        INSERT INTO outbox (account_id, message_id, topic, tenant_id, payload, created_at)
            SELECT n.account_id, n.message_id, n.topic, n.tenant_id, n.payload::json, n.created_at
              FROM unnest(outgoing) n;
    END IF;
    IF cardinality(changes) > 0 THEN
        INSERT INTO change_log (tenant_id, at, actor_kind, actor_key_id, actor_member_id, act, account_id, subject, detail)
            SELECT n.tenant_id, n.at, n.actor_kind, n.actor_key_id, n.actor_member_id, n.act, n.account_id, n.subject,
                   n.detail::jsonb
              FROM unnest(changes) n;
    END IF;
    RETURN pg_current_xact_id()::xid;
END $$;
