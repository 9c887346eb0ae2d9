-- Writes what a batch changed: one call, in the transaction that loaded the rows. Empty arrays cost nothing.

CREATE FUNCTION ledger_write_v1(
    accounts ledger_account_v1[],
    new_grants ledger_grant_v1[],
    changed_grants ledger_grant_v1[],
    new_holds ledger_hold_v1[],
    changed_holds ledger_hold_v1[],
    new_allocations ledger_allocation_v1[],
    changed_allocations ledger_allocation_v1[],
    new_lines ledger_line_v1[],
    changed_lines ledger_line_v1[],
    entries ledger_entry_v1[],
    texts ledger_text_v1[],
    operations ledger_operation_v1[],
    messages ledger_message_v1[],
    profiles ledger_profile_v1[],
    names ledger_text_name_v1[]
) RETURNS void LANGUAGE plpgsql VOLATILE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE ledger_account a
       SET opened = n.opened, frozen = n.frozen, time_zone = n.time_zone, credit_limit = n.credit_limit,
           total = n.total, held = n.held, credit_drawn = n.credit_drawn, clawed_back = n.clawed_back,
           grace_days = n.grace_days, mark = n.mark, version = n.version, head_hash = n.head_hash,
           due_at = n.due_at, last_at = n.last_at
      FROM unnest(accounts) n WHERE a.account_id = n.account_id;
    IF cardinality(new_grants) > 0 THEN
        INSERT INTO token_grant (account_id, grant_id, tenant_id, source, source_ref, granted, remaining, held, spent,
                                 settled, moved, transferred, expired, revoked, open, ended, grace, priority,
                                 expires_at, created_at, member_id, project, parent_id, paid_minor_units,
                                 paid_currency, note)
            SELECT n.account_id, n.grant_id, n.tenant_id, n.source, n.source_ref, n.granted, n.remaining, n.held,
                   n.spent, n.settled, n.moved, n.transferred, n.expired, n.revoked, n.remaining > 0, n.ended, n.grace, n.priority,
                   n.expires_at, n.created_at, n.member_id, n.project, n.parent_id, n.paid_minor_units,
                   n.paid_currency, n.note
              FROM unnest(new_grants) n;
    END IF;
    IF cardinality(changed_grants) > 0 THEN
        UPDATE token_grant g
           SET remaining = n.remaining, held = n.held, spent = n.spent, settled = n.settled, moved = n.moved,
               transferred = n.transferred, expired = n.expired,
               revoked = n.revoked, open = n.remaining > 0, ended = n.ended
          FROM unnest(changed_grants) n WHERE g.account_id = n.account_id AND g.grant_id = n.grant_id;
    END IF;
    IF cardinality(new_holds) > 0 THEN
        INSERT INTO hold
            SELECT n.account_id, n.hold_id, n.tenant_id, n.state, n.state = 'OPEN', n.amount, n.remaining, n.captured,
                   n.returned, n.refunded, n.overrun, n.rounding, n.rounding_unit, n.metered, n.captures,
                   n.price_book_version, n.member_id, n.project, n.lines::json, n.created_at, n.expires_at,
                   n.ended_at, n.outcome, n.description
              FROM unnest(new_holds) n;
    END IF;
    IF cardinality(changed_holds) > 0 THEN
        UPDATE hold h
           SET state = n.state, open = n.state = 'OPEN', amount = n.amount, remaining = n.remaining,
               captured = n.captured, returned = n.returned, refunded = n.refunded, overrun = n.overrun,
               rounding = n.rounding, rounding_unit = n.rounding_unit, metered = n.metered, captures = n.captures,
               lines = n.lines::json, expires_at = n.expires_at, ended_at = n.ended_at, outcome = n.outcome
          FROM unnest(changed_holds) n WHERE h.account_id = n.account_id AND h.hold_id = n.hold_id;
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
                   n.price_book_version, n.member_id, n.project, n.model, n.category, n.params::json, n.ref
              FROM unnest(new_lines) n;
    END IF;
    IF cardinality(changed_lines) > 0 THEN
        UPDATE captured_line l SET refunded = n.refunded
          FROM unnest(changed_lines) n WHERE l.account_id = n.account_id AND l.version = n.version;
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
END $$;
