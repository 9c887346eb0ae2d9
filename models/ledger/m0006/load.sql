-- Loads what a batch needs, under lock; of accounts that the process still remembers only what changed since. An account's
-- row is written with everything that changes of it, so that while its xmin is the known one, it and its grants are known.
-- VOLATILE with several statements on purpose: the rows are read by statements that
-- follow the lock, each with a snapshot of its own; one statement would read what was there before it waited.
-- Plans are pinned to the indexes, so that a fresh, never analysed table is not scanned for ever by a cached plan.

CREATE FUNCTION ledger_load_v3(
    account_ids uuid[],
    known xid[],
    openings ledger_opening_v1[],
    wanted_holds ledger_row_name_v1[],
    wanted_lines ledger_row_name_v1[],
    wanted_grants ledger_row_name_v1[],
    wanted_keys ledger_key_name_v1[],
    wanted_refs ledger_text_name_v1[],
    wanted_messages ledger_message_name_v1[],
    wanted_members ledger_member_name_v2[],
    wanted_scopes ledger_scope_name_v2[],
    due_holds_max integer,
    OUT observed_at timestamptz,
    OUT clocks ledger_clock_v1[],
    OUT accounts ledger_account_v2[],
    OUT marks xid[],
    OUT grants ledger_grant_v2[],
    OUT holds ledger_hold_v2[],
    OUT allocations ledger_allocation_v1[],
    OUT lines ledger_line_v2[],
    OUT operations ledger_operation_v1[],
    OUT messages ledger_message_name_v1[],
    OUT members ledger_member_v2[],
    OUT scopes ledger_scope_v2[]
) LANGUAGE plpgsql VOLATILE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
  SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    hold_names ledger_row_name_v1[] := wanted_holds;
    scope_names ledger_scope_name_v2[] := wanted_scopes;
    clock ledger_clock_v1;
    due ledger_row_name_v1[];
    allocated ledger_row_name_v1[];
    any_due boolean;
    any_assigned boolean;
    member_names ledger_member_name_v2[] := wanted_members;
    related ledger_grant_v2[];
    unknown uuid[];
BEGIN
    IF cardinality(openings) > 0 THEN
        INSERT INTO ledger_account (account_id, tenant_id, created_at, last_at)
            SELECT o.account_id, o.tenant_id, at.now, at.now
              FROM unnest(openings) o
              JOIN tenant t ON t.id = o.tenant_id,
                   LATERAL (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond' AS now) at
             ORDER BY o.account_id
            ON CONFLICT DO NOTHING;
    END IF;
    PERFORM 1 FROM ledger_account a WHERE a.account_id = ANY (account_ids) ORDER BY a.account_id FOR NO KEY UPDATE;

    observed_at := clock_timestamp();
    SELECT array_agg(ROW(a.account_id, a.tenant_id, a.opened, a.frozen, a.time_zone, a.credit_limit, a.total, a.held,
                         a.credit_drawn, a.clawed_back, a.grace_days, a.mark, a.version, a.head_hash, a.due_at, a.created_at,
                         a.last_at, a.plan_id, a.closed_at, a.assigned, a.spending, a.alerting)::ledger_account_v2)
               FILTER (WHERE a.xmin <> k.mark),
           array_agg(a.xmin) FILTER (WHERE a.xmin <> k.mark),
           array_agg(a.account_id) FILTER (WHERE a.xmin <> k.mark),
           -- Of the others the clock is `observed_at`, or their latest entry's instant.
           array_agg(ROW(a.account_id,
                         greatest(observed_at + t.clock_offset_micros * interval '1 microsecond', a.last_at),
                         NULL)::ledger_clock_v1)
               FILTER (WHERE t.clock_offset_micros <> 0 OR a.due_at <= greatest(observed_at, a.last_at)),
           bool_or(a.due_at <= greatest(observed_at + t.clock_offset_micros * interval '1 microsecond', a.last_at)),
           bool_or(a.assigned > 0)
      INTO accounts, marks, unknown, clocks, any_due, any_assigned
      FROM unnest(account_ids, known) k(account_id, mark)
      JOIN ledger_account a ON a.account_id = k.account_id
      JOIN tenant t ON t.id = a.tenant_id;

    -- What is due, for the few accounts that have something due.
    IF any_due THEN
        FOR clock IN
            SELECT c.account_id, c.observed_at, c.next_due_at
              FROM unnest(clocks) c JOIN ledger_account a ON a.account_id = c.account_id
             WHERE a.due_at <= c.observed_at
        LOOP
            SELECT array_agg(ROW(d.account_id, d.hold_id)::ledger_row_name_v1) INTO due FROM (
                SELECT h.account_id, h.hold_id FROM hold h
                 WHERE h.account_id = clock.account_id AND h.open AND h.expires_at <= clock.observed_at
                 ORDER BY h.expires_at, h.hold_id LIMIT due_holds_max) d;
            SELECT h.expires_at INTO clock.next_due_at FROM hold h
             WHERE h.account_id = clock.account_id AND h.open
             ORDER BY h.expires_at, h.hold_id OFFSET coalesce(cardinality(due), 0) LIMIT 1;
            hold_names := hold_names || coalesce(due, '{}');
            clocks := array(SELECT CASE WHEN c.account_id = clock.account_id THEN clock ELSE c END
                              FROM unnest(clocks) c);
        END LOOP;
    END IF;

    IF cardinality(wanted_keys) > 0 THEN
        SELECT array_agg(ROW(o.account_id, o.mutation, o.key, o.tenant_id, o.fingerprint, o.at, o.hold_id, o.grant_id,
                             o.amount, o.uncovered)::ledger_operation_v1)
          INTO operations
          FROM unnest(wanted_keys) k
          JOIN operation o ON o.account_id = k.account_id AND o.mutation = k.mutation AND o.key = k.key;
        IF operations IS NOT NULL THEN
            hold_names := hold_names || array(
                SELECT ROW(o.account_id, o.hold_id)::ledger_row_name_v1 FROM unnest(operations) o
                 WHERE o.hold_id IS NOT NULL);
        END IF;
    END IF;

    IF cardinality(hold_names) > 0 THEN
        SELECT array_agg(ROW(h.account_id, h.hold_id, h.tenant_id, h.state, h.amount, h.remaining, h.captured,
                             h.returned, h.refunded, h.overrun, h.rounding, h.rounding_unit, h.metered, h.captures,
                             h.price_book_version, h.member_id, h.project, h.lines::text, h.created_at, h.expires_at,
                             h.ended_at, h.outcome, h.description, h.ended_day)::ledger_hold_v2)
          INTO holds
          FROM (SELECT DISTINCT n.account_id, n.local_id FROM unnest(hold_names) n) n
          JOIN hold h ON h.account_id = n.account_id AND h.hold_id = n.local_id;
        SELECT array_agg(ROW(l.account_id, l.hold_id, l.ordinal, l.tenant_id, l.grant_id, l.held, l.captured,
                             l.returned, l.refunded, l.redirected)::ledger_allocation_v1
                         ORDER BY l.account_id, l.hold_id, l.ordinal),
               array_agg(ROW(l.account_id, l.grant_id)::ledger_row_name_v1) FILTER (WHERE l.grant_id IS NOT NULL)
          INTO allocations, allocated
          FROM (SELECT DISTINCT n.account_id, n.local_id FROM unnest(hold_names) n) n
          JOIN hold_allocation l ON l.account_id = n.account_id AND l.hold_id = n.local_id;
        -- What a hold gives back or adds counts for its member and project.
        scope_names := scope_names || array(
            SELECT ROW(h.account_id, 'MEMBER', h.member_id::text)::ledger_scope_name_v2 FROM unnest(holds) h
             WHERE h.member_id IS NOT NULL
            UNION SELECT ROW(h.account_id, 'MEMBER_DEFAULT', '')::ledger_scope_name_v2 FROM unnest(holds) h
             WHERE h.member_id IS NOT NULL
            UNION SELECT ROW(h.account_id, 'PROJECT', h.project)::ledger_scope_name_v2 FROM unnest(holds) h
             WHERE h.project IS NOT NULL);
        -- What comes back to a member goes on to the pool if it was removed meanwhile.
        member_names := member_names || array(
            SELECT ROW(h.account_id, h.member_id)::ledger_member_name_v2 FROM unnest(holds) h
             WHERE h.member_id IS NOT NULL);
    END IF;

    IF cardinality(wanted_lines) > 0 THEN
        SELECT array_agg(ROW(l.account_id, l.version, l.tenant_id, l.hold_id, l.call, l.rounding, l.at,
                             l.amount, l.cost, l.refunded, l.count, l.price_book_version, l.member_id, l.project, l.model, l.category,
                             l.params::text, l.ref, l.day)::ledger_line_v2 ORDER BY l.account_id, l.version)
          INTO lines
          FROM (SELECT DISTINCT n.account_id, n.local_id FROM unnest(wanted_lines) n) n
          JOIN captured_line l ON l.account_id = n.account_id AND l.hold_id = n.local_id;
    END IF;

    -- Most batches name no grant: then the open ones of accounts that are not known are all there is to load.
    IF allocated IS NULL AND operations IS NULL AND cardinality(wanted_grants) = 0 AND cardinality(wanted_refs) = 0 THEN
        IF unknown IS NOT NULL THEN
            SELECT array_agg(ROW(g.account_id, g.grant_id, g.tenant_id, g.source, g.source_ref, g.granted, g.remaining, g.held,
                                 g.spent, g.settled, g.moved, g.transferred, g.expired, g.revoked, g.ended, g.grace, g.priority, g.expires_at,
                                 g.created_at, g.member_id, g.project, g.parent_id, g.paid_minor_units, g.paid_currency,
                                 g.note, g.notice_at)::ledger_grant_v2)
              INTO grants
              FROM token_grant g WHERE g.account_id = ANY (unknown) AND g.open;
        END IF;
    ELSE
        SELECT array_agg(ROW(g.account_id, g.grant_id, g.tenant_id, g.source, g.source_ref, g.granted, g.remaining, g.held,
                             g.spent, g.settled, g.moved, g.transferred, g.expired, g.revoked, g.ended, g.grace, g.priority, g.expires_at,
                             g.created_at, g.member_id, g.project, g.parent_id, g.paid_minor_units, g.paid_currency,
                             g.note, g.notice_at)::ledger_grant_v2)
          INTO grants
          FROM (SELECT g.account_id, g.grant_id FROM token_grant g WHERE g.account_id = ANY (unknown) AND g.open
                UNION SELECT n.account_id, n.local_id FROM unnest(wanted_grants) n
                UNION SELECT n.account_id, n.local_id FROM unnest(allocated) n
                UNION SELECT o.account_id, o.grant_id FROM unnest(operations) o WHERE o.grant_id IS NOT NULL
                UNION SELECT r.account_id, g.grant_id FROM unnest(wanted_refs) r
                        JOIN token_grant g ON g.account_id = r.account_id AND g.source_ref = r.text) n
          JOIN token_grant g ON g.account_id = n.account_id AND g.grant_id = n.grant_id;
    END IF;

    -- What was split off may go back to where it came from, and ends with it.
    IF any_assigned OR cardinality(wanted_lines) > 0 OR cardinality(wanted_grants) > 0 THEN
        SELECT array_agg(ROW(g.account_id, g.grant_id, g.tenant_id, g.source, g.source_ref, g.granted, g.remaining, g.held,
                             g.spent, g.settled, g.moved, g.transferred, g.expired, g.revoked, g.ended, g.grace, g.priority, g.expires_at,
                             g.created_at, g.member_id, g.project, g.parent_id, g.paid_minor_units, g.paid_currency,
                             g.note, g.notice_at)::ledger_grant_v2)
          INTO related
          FROM (SELECT p.account_id, p.parent_id AS grant_id FROM unnest(grants) p WHERE p.parent_id IS NOT NULL
                UNION SELECT w.account_id, c.grant_id
                        FROM unnest(wanted_grants) w
                        JOIN token_grant c ON c.account_id = w.account_id AND c.parent_id = w.local_id
                       WHERE c.spent > 0 OR c.settled > 0
                EXCEPT SELECT l.account_id, l.grant_id FROM unnest(grants) l) n
          JOIN token_grant g ON g.account_id = n.account_id AND g.grant_id = n.grant_id;
        grants := grants || related;
    END IF;

    IF cardinality(wanted_messages) > 0 THEN
        SELECT array_agg(ROW(i.account_id, i.origin, i.message_id)::ledger_message_name_v1)
          INTO messages
          FROM unnest(wanted_messages) m
          JOIN inbox i ON i.account_id = m.account_id AND i.origin = m.origin AND i.message_id = m.message_id;
    END IF;

    IF cardinality(member_names) > 0 THEN
        SELECT array_agg(ROW(m.account_id, m.member_id, m.tenant_id, m.external_id, m.name, m.role, m.active, m.created_at,
                             m.removed_at)::ledger_member_v2)
          INTO members
          FROM (SELECT DISTINCT n.account_id, n.member_id FROM unnest(member_names) n) n
          JOIN member m ON m.account_id = n.account_id AND m.member_id = n.member_id;
    END IF;

    IF cardinality(scope_names) > 0 THEN
        SELECT array_agg(ROW(s.account_id, s.scope, s.subject, s.tenant_id, s.spending)::ledger_scope_v2)
          INTO scopes
          FROM (SELECT DISTINCT n.account_id, n.scope, n.subject FROM unnest(scope_names) n) n
          JOIN ledger_scope s ON s.account_id = n.account_id AND s.scope = n.scope AND s.subject = n.subject;
    END IF;
END $$;
