-- The second shape of the rows that travel. Functions of the first are gone: a process that used them would not count what
-- is spent in a window, so it must be restarted, not served.
DROP FUNCTION ledger_load_v1;
DROP FUNCTION ledger_write_v1;

CREATE TYPE ledger_account_v2 AS (
    account_id uuid, tenant_id uuid, opened boolean, frozen boolean, time_zone text, credit_limit bigint, total bigint,
    held bigint, credit_drawn bigint, clawed_back bigint, grace_days integer, mark bigint, version bigint, head_hash bytea,
    due_at timestamptz, created_at timestamptz, last_at timestamptz, plan_id text, closed_at timestamptz, assigned bigint,
    spending spending, alerting alerting
);
CREATE TYPE ledger_grant_v2 AS (
    account_id uuid, grant_id bigint, tenant_id uuid, source text, source_ref text, granted bigint, remaining bigint,
    held bigint, spent bigint, settled bigint, moved bigint, transferred bigint, expired bigint, revoked bigint,
    ended text, grace boolean, priority integer, expires_at timestamptz, created_at timestamptz, member_id uuid, project text, parent_id bigint,
    paid_minor_units bigint, paid_currency text, note text, notice_at timestamptz
);
CREATE TYPE ledger_hold_v2 AS (
    account_id uuid, hold_id bigint, tenant_id uuid, state text, amount bigint, remaining bigint, captured bigint,
    returned bigint, refunded bigint, overrun bigint, rounding bigint, rounding_unit bigint, metered bigint,
    captures integer, price_book_version integer, member_id uuid, project text, lines text, created_at timestamptz,
    expires_at timestamptz, ended_at timestamptz, outcome text, description text, ended_day date
);
CREATE TYPE ledger_line_v2 AS (
    account_id uuid, version bigint, tenant_id uuid, hold_id bigint, call bigint, rounding boolean, at timestamptz,
    amount bigint, cost bigint, refunded bigint, count integer, price_book_version integer, member_id uuid, project text, model text,
    category text, params text, ref text, day date
);
CREATE TYPE ledger_refund_v2 AS (
    account_id uuid, version bigint, tenant_id uuid, line bigint, amount bigint, day date
);
CREATE TYPE ledger_member_v2 AS (
    account_id uuid, member_id uuid, tenant_id uuid, external_id text, name text, role text, active boolean,
    created_at timestamptz, removed_at timestamptz
);
CREATE TYPE ledger_scope_v2 AS (account_id uuid, scope text, subject text, tenant_id uuid, spending spending);
CREATE TYPE ledger_alert_v2 AS (
    account_id uuid, event_id bigint, tenant_id uuid, kind text, at timestamptz, version bigint, available bigint,
    threshold_percent integer, threshold_tokens bigint, scope text, subject text, consumed bigint, limit_tokens bigint,
    grant_id bigint, amount bigint, expires_at timestamptz
);
CREATE TYPE ledger_rearmed_v2 AS (account_id uuid, event_id bigint, rearmed_at timestamptz);
CREATE TYPE ledger_usage_v2 AS (
    account_id uuid, day date, member_id uuid, project text, model text, category text, tenant_id uuid, charged bigint,
    refunded bigint, uses bigint, operations bigint
);
CREATE TYPE ledger_work_v2 AS (
    account_id uuid, day date, member_id uuid, project text, outcome text, tenant_id uuid, works bigint
);
CREATE TYPE ledger_outgoing_v2 AS (
    account_id uuid, message_id bigint, topic text, tenant_id uuid, payload text, created_at timestamptz
);
-- An administrative act, written with what it did.
CREATE TYPE ledger_change_v2 AS (
    account_id uuid, tenant_id uuid, at timestamptz, actor_kind text, actor_key_id uuid, actor_member_id uuid, act text,
    subject text, detail text
);
CREATE TYPE ledger_member_name_v2 AS (account_id uuid, member_id uuid);
CREATE TYPE ledger_scope_name_v2 AS (account_id uuid, scope text, subject text);
