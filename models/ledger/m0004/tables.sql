-- What a scope (an account, a member, a project, or the default for members) has spent and has on hold in the running
-- windows, with its limits. A window is kept by its instants; a period without one has not been spent in. Limits: null none,
-- -1 none whatever the default, else micro-tokens.
CREATE TYPE spending AS (
    day_limit      bigint,
    day_starts_at  timestamptz,
    day_ends_at    timestamptz,
    day_consumed   bigint,
    day_warned     integer,
    day_warned_limit bigint,
    week_limit     bigint,
    week_starts_at timestamptz,
    week_ends_at   timestamptz,
    week_consumed  bigint,
    month_limit     bigint,
    month_starts_at timestamptz,
    month_ends_at   timestamptz,
    month_consumed  bigint,
    total_limit     bigint,
    total_consumed  bigint,
    runs            bytea
);

-- The thresholds that an account is warned of, which of them are crossed now, and the events that told of it.
CREATE TYPE alerting AS (
    balance_percents   integer[],
    balance_tokens     bigint[],
    day_limit_percents integer[],
    crossed            text[],
    crossed_events     bigint[],
    events             bigint
);

ALTER TABLE ledger_account
    ADD COLUMN plan_id   text,
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN assigned  bigint NOT NULL DEFAULT 0 CHECK (assigned >= 0),
    ADD COLUMN spending  spending,
    ADD COLUMN alerting  alerting;
COMMENT ON COLUMN ledger_account.assigned IS 'of the total, what is assigned to members and projects';
COMMENT ON COLUMN ledger_account.spending IS 'null: never spent, and without limits';
COMMENT ON COLUMN ledger_account.alerting IS 'null: thresholds as they are by default, nothing crossed yet';

ALTER TABLE token_grant ADD COLUMN notice_at timestamptz;
CREATE INDEX token_grant_part ON token_grant (account_id, parent_id) WHERE parent_id IS NOT NULL;
COMMENT ON COLUMN token_grant.paid_minor_units IS 'what was paid for it, less the shares of what was assigned or sent of it';
COMMENT ON COLUMN token_grant.notice_at IS 'when to warn that it is about to expire; null once that is done';

-- What took effect without a hold or a grant names neither.
ALTER TABLE operation DROP CONSTRAINT operation_check;
ALTER TABLE operation ADD CONSTRAINT operation_names_one_effect CHECK (hold_id IS NULL OR grant_id IS NULL);

CREATE TABLE member (
    account_id  uuid NOT NULL,
    member_id   uuid NOT NULL,
    tenant_id   uuid NOT NULL,
    external_id text NOT NULL CHECK (external_id <> ''),
    name        text NOT NULL,
    role        text NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),
    active      boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    removed_at  timestamptz,
    PRIMARY KEY (account_id, member_id),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    CHECK (active = (removed_at IS NULL))
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX member_external_id ON member (account_id, external_id);

CREATE TABLE ledger_scope (
    account_id uuid NOT NULL,
    scope      text NOT NULL CHECK (scope IN ('MEMBER', 'MEMBER_DEFAULT', 'PROJECT')),
    subject    text NOT NULL,
    tenant_id  uuid NOT NULL,
    spending   spending NOT NULL,
    PRIMARY KEY (account_id, scope, subject),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    CHECK ((scope = 'MEMBER_DEFAULT') = (subject = ''))
) WITH (fillfactor = 50);
COMMENT ON COLUMN ledger_scope.subject IS 'the id of the member, or the project; the scope ACCOUNT stands in ledger_account';

-- Events that people are told of: once each, with the change that made them.
CREATE TABLE alert_event (
    account_id        uuid NOT NULL,
    event_id          bigint NOT NULL CHECK (event_id > 0),
    tenant_id         uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('LOW_BALANCE', 'DAY_LIMIT', 'GRANT_EXPIRING')),
    at                timestamptz NOT NULL,
    version           bigint NOT NULL,
    available         bigint NOT NULL,
    threshold_percent integer,
    threshold_tokens  bigint,
    scope             text,
    subject           text,
    consumed          bigint,
    limit_tokens      bigint,
    grant_id          bigint,
    amount            bigint,
    expires_at        timestamptz,
    rearmed_at        timestamptz,
    PRIMARY KEY (account_id, event_id)
) WITH (fillfactor = 80);

-- Usage by the local day of the capture; a refund on its own day. Net tokens are charged - refunded.
CREATE TABLE usage_day (
    account_id uuid NOT NULL,
    day        date NOT NULL,
    member_id  uuid,
    project    text,
    model      text,
    category   text,
    tenant_id  uuid NOT NULL,
    charged    bigint NOT NULL,
    refunded   bigint NOT NULL,
    uses       bigint NOT NULL,
    operations bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (account_id, day, member_id, project, model, category)
) WITH (fillfactor = 60);

-- How work ended, by the local day of its end: OUTCOME of releases, COMMITTED, EXPIRED.
CREATE TABLE work_day (
    account_id uuid NOT NULL,
    day        date NOT NULL,
    member_id  uuid,
    project    text,
    outcome    text NOT NULL,
    tenant_id  uuid NOT NULL,
    works      bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (account_id, day, member_id, project, outcome)
) WITH (fillfactor = 60);

-- What must happen outside this account's transaction because of it: written with it, done afterwards, exactly once.
CREATE TABLE outbox (
    account_id uuid NOT NULL,
    message_id bigint NOT NULL,
    topic      text NOT NULL,
    tenant_id  uuid NOT NULL,
    payload    json NOT NULL,
    created_at timestamptz NOT NULL,
    done_at    timestamptz,
    retries    integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
    retry_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, message_id, topic)
) WITH (fillfactor = 70);
COMMENT ON COLUMN outbox.message_id IS 'the version of the entry that it comes from';
COMMENT ON COLUMN outbox.retries IS 'how often it could not be done';
COMMENT ON COLUMN outbox.retry_at IS 'by real time, whatever the tenant''s clock says: when to do it, at the earliest';
CREATE INDEX outbox_open ON outbox (topic, retry_at) WHERE done_at IS NULL;
