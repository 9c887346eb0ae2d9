-- Tables of the rival that calls one function per request: the ledger's columns, checks, indexes, foreign keys and room on
-- their pages, written out, so that the rival stays what it is. The journal is not partitioned, and nothing has row-level
-- security: both only in the rival's favour.
CREATE SCHEMA one_call;

CREATE TABLE one_call.ledger_account (
    account_id   uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    frozen       boolean NOT NULL DEFAULT false,
    time_zone    text NOT NULL DEFAULT 'UTC',
    credit_limit bigint NOT NULL DEFAULT 0 CHECK (credit_limit >= -1),
    total        bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    held         bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    credit_drawn bigint NOT NULL DEFAULT 0 CHECK (credit_drawn >= 0),
    clawed_back  bigint NOT NULL DEFAULT 0 CHECK (clawed_back >= 0),
    mark         bigint NOT NULL DEFAULT 0,
    version      bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    head_hash    bytea NOT NULL DEFAULT '',
    due_at       timestamptz,
    created_at   timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    UNIQUE (account_id, tenant_id)
) WITH (fillfactor = 50);
CREATE INDEX ledger_account_due ON one_call.ledger_account (tenant_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE one_call.token_grant (
    account_id uuid NOT NULL,
    grant_id   bigint NOT NULL CHECK (grant_id > 0),
    tenant_id  uuid NOT NULL,
    source     text NOT NULL,
    source_ref text NOT NULL CHECK (source_ref <> ''),
    granted    bigint NOT NULL CHECK (granted > 0),
    remaining  bigint NOT NULL CHECK (remaining >= 0),
    held       bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND remaining),
    spent      bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    open       boolean NOT NULL DEFAULT true,
    priority   integer NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, grant_id),
    UNIQUE (account_id, source_ref),
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id)
) WITH (fillfactor = 60);
CREATE INDEX token_grant_open ON one_call.token_grant (account_id) WHERE open;

CREATE TABLE one_call.hold (
    account_id         uuid NOT NULL,
    hold_id            bigint NOT NULL CHECK (hold_id > 0),
    tenant_id          uuid NOT NULL,
    state              text NOT NULL CHECK (state IN ('OPEN', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    open               boolean NOT NULL CHECK (open = (state = 'OPEN')),
    amount             bigint NOT NULL CHECK (amount >= 0),
    remaining          bigint NOT NULL CHECK (remaining >= 0 AND (open OR remaining = 0)),
    captured           bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
    returned           bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    refunded           bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND captured),
    overrun            bigint NOT NULL DEFAULT 0 CHECK (overrun >= 0),
    price_book_version integer NOT NULL,
    lines              json NOT NULL,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    PRIMARY KEY (account_id, hold_id),
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id),
    CHECK (amount + overrun = captured + returned + remaining),
    CHECK (open = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX hold_open ON one_call.hold (account_id, expires_at, hold_id) WHERE open;

CREATE TABLE one_call.hold_allocation (
    account_id uuid NOT NULL,
    hold_id    bigint NOT NULL,
    ordinal    integer NOT NULL,
    tenant_id  uuid NOT NULL,
    grant_id   bigint,
    held       bigint NOT NULL CHECK (held >= 0),
    captured   bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
    returned   bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    PRIMARY KEY (account_id, hold_id, ordinal)
) WITH (fillfactor = 70);

CREATE TABLE one_call.entry (
    account_id      uuid NOT NULL,
    version         bigint NOT NULL CHECK (version > 0),
    at              timestamptz NOT NULL,
    tenant_id       uuid NOT NULL,
    kind            text NOT NULL,
    total_change    bigint NOT NULL,
    held_change     bigint NOT NULL,
    owed_change     bigint NOT NULL DEFAULT 0,
    spent           bigint NOT NULL DEFAULT 0,
    available_after bigint NOT NULL CHECK (available_after >= 0),
    credit_limit    bigint NOT NULL,
    hold_id         bigint,
    grant_id        bigint,
    hash            bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (account_id, version, at),
    FOREIGN KEY (account_id, tenant_id) REFERENCES one_call.ledger_account (account_id, tenant_id)
);

CREATE TABLE one_call.operation (
    account_id  uuid NOT NULL,
    mutation    text NOT NULL,
    key         text NOT NULL,
    tenant_id   uuid NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    at          timestamptz NOT NULL,
    hold_id     bigint NOT NULL,
    PRIMARY KEY (account_id, mutation, key)
);

CREATE FUNCTION one_call.open_account(wanted_account uuid, wanted_tenant uuid, amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    amount bigint;
    number integer := 0;
BEGIN
    INSERT INTO one_call.ledger_account (account_id, tenant_id, created_at, last_at)
    VALUES (wanted_account, wanted_tenant, now(), now());
    FOREACH amount IN ARRAY amounts LOOP
        number := number + 1;
        INSERT INTO one_call.token_grant
            (account_id, grant_id, tenant_id, source, source_ref, granted, remaining, priority, created_at)
        VALUES (wanted_account, number, wanted_tenant, 'BONUS', 'grant ' || number, amount, amount, number, now());
        UPDATE one_call.ledger_account
           SET total = total + amount, version = number, head_hash = sha256(head_hash)
         WHERE account_id = wanted_account;
        INSERT INTO one_call.entry
            (account_id, version, at, tenant_id, kind, total_change, held_change, available_after, credit_limit,
             grant_id, hash)
        SELECT wanted_account, number, now(), wanted_tenant, 'GRANT', amount, 0, a.total, 0, number, a.head_hash
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
        (account_id, hold_id, tenant_id, state, open, amount, remaining, price_book_version, lines, created_at,
         expires_at)
    VALUES (wanted_account, made, wanted_tenant, 'OPEN', true, wanted, wanted, 1, wanted_lines::json, at,
            at + ttl_seconds * interval '1 second');
    FOR lot IN
        SELECT g.grant_id, g.remaining - g.held AS unheld FROM one_call.token_grant g
         WHERE g.account_id = wanted_account AND g.open AND g.remaining > g.held
         ORDER BY g.priority, g.expires_at, g.grant_id
    LOOP
        EXIT WHEN unallocated = 0;
        share := least(unallocated, lot.unheld);
        UPDATE one_call.token_grant g SET held = g.held + share
         WHERE g.account_id = wanted_account AND g.grant_id = lot.grant_id;
        INSERT INTO one_call.hold_allocation (account_id, hold_id, ordinal, tenant_id, grant_id, held)
        VALUES (wanted_account, made, number, wanted_tenant, lot.grant_id, share);
        unallocated := unallocated - share;
        number := number + 1;
    END LOOP;
    hash := sha256(account.head_hash || int8send(made) || int8send(wanted) || int8send(available));
    INSERT INTO one_call.entry
        (account_id, version, at, tenant_id, kind, total_change, held_change, available_after, credit_limit, hold_id,
         hash)
    VALUES (wanted_account, made, at, wanted_tenant, 'HOLD', 0, wanted, available, account.credit_limit, made, hash);
    UPDATE one_call.ledger_account a
       SET held = a.held + wanted, version = made, last_at = at, head_hash = hash,
           due_at = least(a.due_at, at + ttl_seconds * interval '1 second')
     WHERE a.account_id = wanted_account;
    INSERT INTO one_call.operation (account_id, mutation, key, tenant_id, fingerprint, at, hold_id)
    VALUES (wanted_account, 'reserve', wanted_key, wanted_tenant, wanted_fingerprint, at, made);
END $$;
