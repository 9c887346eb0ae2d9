-- The ledger's tables. The account's id leads every key, the tenant stands in every row; amounts are micro-tokens.
-- Columns that change often stay out of indexes and their predicates, and pages keep room, so that updates stay in place.

CREATE TABLE ledger_account (
    account_id   uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL REFERENCES tenant (id),
    opened       boolean NOT NULL DEFAULT false,
    frozen       boolean NOT NULL DEFAULT false,
    time_zone    text NOT NULL DEFAULT 'UTC',
    credit_limit bigint NOT NULL DEFAULT 0 CHECK (credit_limit >= -1),
    total        bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    held         bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    credit_drawn bigint NOT NULL DEFAULT 0 CHECK (credit_drawn >= 0),
    clawed_back  bigint NOT NULL DEFAULT 0 CHECK (clawed_back >= 0),
    grace_days   integer NOT NULL DEFAULT 7 CHECK (grace_days >= 0),
    mark         bigint NOT NULL DEFAULT 0,
    version      bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    head_hash    bytea NOT NULL DEFAULT '',
    due_at       timestamptz,
    created_at   timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    UNIQUE (account_id, tenant_id)
) WITH (fillfactor = 50);
CREATE INDEX ledger_account_due ON ledger_account (tenant_id, due_at) WHERE due_at IS NOT NULL;
COMMENT ON COLUMN ledger_account.credit_limit IS 'micro-tokens; -1: unlimited';
COMMENT ON COLUMN ledger_account.due_at IS 'nothing falls due before; may be too early, never too late';

CREATE TABLE token_grant (
    account_id       uuid NOT NULL,
    grant_id         bigint NOT NULL CHECK (grant_id > 0),
    tenant_id        uuid NOT NULL,
    source           text NOT NULL,
    source_ref       text NOT NULL CHECK (source_ref <> ''),
    granted          bigint NOT NULL CHECK (granted > 0),
    remaining        bigint NOT NULL CHECK (remaining >= 0),
    held             bigint NOT NULL CHECK (held BETWEEN 0 AND remaining),
    spent            bigint NOT NULL CHECK (spent >= 0),
    settled          bigint NOT NULL CHECK (settled >= 0),
    moved            bigint NOT NULL DEFAULT 0,
    transferred      bigint NOT NULL DEFAULT 0 CHECK (transferred >= 0),
    expired          bigint NOT NULL CHECK (expired >= 0),
    revoked          bigint NOT NULL CHECK (revoked >= 0),
    open             boolean NOT NULL,
    ended            text CHECK (ended IN ('REVOKED', 'CLAWED_BACK')),
    grace            boolean NOT NULL,
    priority         integer NOT NULL,
    expires_at       timestamptz,
    created_at       timestamptz NOT NULL,
    member_id        uuid,
    project          text,
    parent_id        bigint,
    paid_minor_units bigint NOT NULL CHECK (paid_minor_units >= 0),
    paid_currency    text,
    note             text,
    PRIMARY KEY (account_id, grant_id),
    UNIQUE (account_id, source_ref),
    CHECK (granted = remaining + spent + settled + moved + transferred + expired + revoked),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
) WITH (fillfactor = 60);
COMMENT ON COLUMN token_grant.moved IS 'assigned to children less what they gave back; for a child, what it gave back';
CREATE INDEX token_grant_open ON token_grant (account_id) WHERE open;

CREATE TABLE hold (
    account_id         uuid NOT NULL,
    hold_id            bigint NOT NULL CHECK (hold_id > 0),
    tenant_id          uuid NOT NULL,
    state              text NOT NULL CHECK (state IN ('OPEN', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    open               boolean NOT NULL CHECK (open = (state = 'OPEN')),
    amount             bigint NOT NULL CHECK (amount >= 0),
    remaining          bigint NOT NULL CHECK (remaining >= 0 AND (open OR remaining = 0)),
    captured           bigint NOT NULL CHECK (captured >= 0),
    returned           bigint NOT NULL CHECK (returned >= 0),
    refunded           bigint NOT NULL CHECK (refunded BETWEEN 0 AND captured),
    overrun            bigint NOT NULL CHECK (overrun >= 0),
    rounding           bigint NOT NULL CHECK (rounding >= 0),
    rounding_unit      bigint NOT NULL CHECK (rounding_unit >= 0),
    metered            bigint NOT NULL CHECK (metered >= 0),
    captures           integer NOT NULL,
    price_book_version integer NOT NULL,
    member_id          uuid,
    project            text,
    lines              json NOT NULL,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    outcome            text,
    description        text,
    PRIMARY KEY (account_id, hold_id),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    CHECK (amount + overrun = captured + returned + remaining),
    CHECK (open = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX hold_open ON hold (account_id, expires_at, hold_id) WHERE open;

CREATE TABLE hold_allocation (
    account_id uuid NOT NULL,
    hold_id    bigint NOT NULL,
    ordinal    integer NOT NULL,
    tenant_id  uuid NOT NULL,
    grant_id   bigint,
    held       bigint NOT NULL CHECK (held >= 0),
    captured   bigint NOT NULL CHECK (captured >= 0),
    returned   bigint NOT NULL CHECK (returned >= 0),
    refunded   bigint NOT NULL CHECK (refunded BETWEEN 0 AND captured),
    redirected bigint NOT NULL CHECK (redirected BETWEEN 0 AND refunded),
    PRIMARY KEY (account_id, hold_id, ordinal)
) WITH (fillfactor = 70);
COMMENT ON COLUMN hold_allocation.grant_id IS 'null: on the credit line';

CREATE TABLE captured_line (
    account_id         uuid NOT NULL,
    version            bigint NOT NULL,
    tenant_id          uuid NOT NULL,
    hold_id            bigint NOT NULL,
    call               bigint NOT NULL,
    rounding           boolean NOT NULL,
    at                 timestamptz NOT NULL,
    amount             bigint NOT NULL CHECK (amount >= 0),
    cost               bigint NOT NULL CHECK (cost >= 0),
    refunded           bigint NOT NULL CHECK (refunded BETWEEN 0 AND amount),
    count              integer NOT NULL CHECK (count >= 0),
    price_book_version integer NOT NULL,
    member_id          uuid,
    project            text,
    model              text,
    category           text,
    params             json NOT NULL,
    ref                text,
    PRIMARY KEY (account_id, version)
) WITH (fillfactor = 80);
COMMENT ON COLUMN captured_line.call IS 'version of the first line that the same commit captured';
CREATE INDEX captured_line_hold ON captured_line (account_id, hold_id, version);

-- The journal: append-only, chained by hash, partitioned by the month of `at`.
CREATE TABLE entry (
    account_id      uuid NOT NULL,
    version         bigint NOT NULL CHECK (version > 0),
    at              timestamptz NOT NULL,
    tenant_id       uuid NOT NULL,
    kind            text NOT NULL,
    total_change    bigint NOT NULL,
    held_change     bigint NOT NULL,
    owed_change     bigint NOT NULL,
    clawed_change   bigint NOT NULL,
    spent           bigint NOT NULL,
    available_after bigint NOT NULL CHECK (available_after >= 0),
    credit_limit    bigint NOT NULL,
    member_id       uuid,
    project         text,
    model           text,
    category        text,
    hold_id         bigint,
    grant_id        bigint,
    text_digest     bytea NOT NULL,
    hash            bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (account_id, version, at),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
) PARTITION BY RANGE (at);

-- Free text of entries. It may be erased: the journal's hash covers only its salted digest.
CREATE TABLE entry_text (
    account_id uuid NOT NULL,
    version    bigint NOT NULL,
    tenant_id  uuid NOT NULL,
    salt       bytea NOT NULL,
    ref        text,
    note       text,
    PRIMARY KEY (account_id, version)
);

-- What took effect under an idempotency key, for good.
CREATE TABLE operation (
    account_id  uuid NOT NULL,
    mutation    text NOT NULL,
    key         text NOT NULL,
    tenant_id   uuid NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    at          timestamptz NOT NULL,
    hold_id     bigint,
    grant_id    bigint,
    amount      bigint NOT NULL,
    uncovered   bigint NOT NULL,
    PRIMARY KEY (account_id, mutation, key),
    CHECK ((hold_id IS NULL) <> (grant_id IS NULL))
);

-- Messages from outside that were applied, written with their effect: the same one never applies twice.
CREATE TABLE inbox (
    account_id  uuid NOT NULL,
    origin      text NOT NULL,
    message_id  text NOT NULL,
    tenant_id   uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, origin, message_id)
);
