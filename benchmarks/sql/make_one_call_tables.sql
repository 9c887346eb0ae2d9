-- The ledger's own tables once more, for the rival that calls one function per request: the same columns, checks, indexes,
-- foreign keys and room on their pages; only the journal is not partitioned and nothing has row-level security.
CREATE SCHEMA one_call;
CREATE TABLE one_call.ledger_account (LIKE public.ledger_account INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE one_call.token_grant (
    LIKE public.token_grant INCLUDING ALL,
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id)
) WITH (fillfactor = 60);
CREATE TABLE one_call.hold (
    LIKE public.hold INCLUDING ALL,
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id)
) WITH (fillfactor = 70);
CREATE TABLE one_call.hold_allocation (LIKE public.hold_allocation INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE one_call.entry (
    LIKE public.entry INCLUDING ALL,
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id)
);
CREATE TABLE one_call.operation (LIKE public.operation INCLUDING ALL);

CREATE FUNCTION one_call.open_account(wanted_account uuid, wanted_tenant uuid, amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    amount bigint;
    number integer := 0;
BEGIN
    INSERT INTO one_call.ledger_account (account_id, tenant_id, opened, created_at, last_at)
    VALUES (wanted_account, wanted_tenant, true, now(), now());
    FOREACH amount IN ARRAY amounts LOOP
        number := number + 1;
        INSERT INTO one_call.token_grant
        VALUES (wanted_account, number, wanted_tenant, 'BONUS', 'grant ' || number, amount, amount, 0, 0, 0, 0, 0,
                true, NULL, false, number, NULL, now(), NULL, NULL, NULL, 0, NULL, NULL);
        UPDATE one_call.ledger_account
           SET total = total + amount, version = number, head_hash = sha256(head_hash)
         WHERE account_id = wanted_account;
        INSERT INTO one_call.entry
        SELECT wanted_account, number, now(), wanted_tenant, 'GRANT', amount, 0, 0, 0, a.total, 0, NULL, NULL, NULL,
               NULL, NULL, number, '', a.head_hash
          FROM one_call.ledger_account a WHERE a.account_id = wanted_account;
    END LOOP;
END $$;

-- Reserves tokens of one account; `hold_id` stays null when there are too few. The lock comes first and in a statement of
-- its own, so that whatever follows sees what others committed while it waited.
CREATE FUNCTION one_call.reserve(
    wanted_account uuid, wanted_tenant uuid, wanted_key text, wanted_fingerprint bytea, wanted bigint,
    wanted_lines text, ttl_seconds integer, OUT hold_id bigint, OUT replayed boolean, OUT available bigint
) LANGUAGE plpgsql AS $$
DECLARE
    account one_call.ledger_account;
    known one_call.operation;
    lot record;
    at timestamptz;
    unallocated bigint := wanted;
    share bigint;
    number integer := 0;
    made bigint;
    hash bytea;
BEGIN
    replayed := false;
    SELECT * INTO account FROM one_call.ledger_account a
     WHERE a.account_id = wanted_account AND a.tenant_id = wanted_tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such account';
    END IF;
    SELECT * INTO known FROM one_call.operation o
     WHERE o.account_id = wanted_account AND o.mutation = 'reserve' AND o.key = wanted_key;
    IF FOUND THEN
        IF known.fingerprint <> wanted_fingerprint THEN
            RAISE EXCEPTION 'the key was used for another request';
        END IF;
        hold_id := known.hold_id;
        replayed := true;
        RETURN;
    END IF;
    available := account.total - account.held;
    IF account.frozen OR wanted > available THEN
        RETURN;
    END IF;
    at := greatest(clock_timestamp(), account.last_at);
    made := account.version + 1;
    hold_id := made;
    available := available - wanted;
    INSERT INTO one_call.hold
    VALUES (wanted_account, made, wanted_tenant, 'OPEN', true, wanted, wanted, 0, 0, 0, 0, 0, 0, 0, 0, 1, NULL, NULL,
            wanted_lines::json, at, at + ttl_seconds * interval '1 second', NULL, NULL, NULL);
    FOR lot IN
        SELECT g.grant_id, g.remaining - g.held AS unheld FROM one_call.token_grant g
         WHERE g.account_id = wanted_account AND g.open AND g.remaining > g.held
         ORDER BY g.priority, g.expires_at, g.grant_id
    LOOP
        EXIT WHEN unallocated = 0;
        share := least(unallocated, lot.unheld);
        UPDATE one_call.token_grant g SET held = g.held + share
         WHERE g.account_id = wanted_account AND g.grant_id = lot.grant_id;
        INSERT INTO one_call.hold_allocation
        VALUES (wanted_account, made, number, wanted_tenant, lot.grant_id, share, 0, 0, 0, 0);
        unallocated := unallocated - share;
        number := number + 1;
    END LOOP;
    hash := sha256(account.head_hash || int8send(made) || int8send(wanted) || int8send(available));
    INSERT INTO one_call.entry
    VALUES (wanted_account, made, at, wanted_tenant, 'HOLD', 0, wanted, 0, 0, available, account.credit_limit, NULL,
            NULL, NULL, NULL, made, NULL, '', hash);
    UPDATE one_call.ledger_account a
       SET held = a.held + wanted, version = made, last_at = at, head_hash = hash,
           due_at = least(a.due_at, at + ttl_seconds * interval '1 second')
     WHERE a.account_id = wanted_account;
    INSERT INTO one_call.operation
    VALUES (wanted_account, 'reserve', wanted_key, wanted_tenant, wanted_fingerprint, at, made, NULL, 0, 0);
END $$;
