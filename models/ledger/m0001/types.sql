-- The rows that travel between the ledger's core and its tables. The names carry a version: a process in flight keeps its
-- own types and functions while a newer one is rolled out beside it.

CREATE TYPE ledger_account_v1 AS (
    account_id uuid, tenant_id uuid, opened boolean, frozen boolean, time_zone text, credit_limit bigint, total bigint,
    held bigint, credit_drawn bigint, clawed_back bigint, grace_days integer, mark bigint, version bigint, head_hash bytea,
    due_at timestamptz, created_at timestamptz, last_at timestamptz
);
CREATE TYPE ledger_clock_v1 AS (account_id uuid, observed_at timestamptz, next_due_at timestamptz);
CREATE TYPE ledger_grant_v1 AS (
    account_id uuid, grant_id bigint, tenant_id uuid, source text, source_ref text, granted bigint, remaining bigint,
    held bigint, spent bigint, settled bigint, moved bigint, transferred bigint, expired bigint, revoked bigint,
    ended text, grace boolean, priority integer, expires_at timestamptz, created_at timestamptz, member_id uuid, project text, parent_id bigint,
    paid_minor_units bigint, paid_currency text, note text
);
CREATE TYPE ledger_hold_v1 AS (
    account_id uuid, hold_id bigint, tenant_id uuid, state text, amount bigint, remaining bigint, captured bigint,
    returned bigint, refunded bigint, overrun bigint, rounding bigint, rounding_unit bigint, metered bigint,
    captures integer, price_book_version integer, member_id uuid, project text, lines text, created_at timestamptz,
    expires_at timestamptz, ended_at timestamptz, outcome text, description text
);
CREATE TYPE ledger_allocation_v1 AS (
    account_id uuid, hold_id bigint, ordinal integer, tenant_id uuid, grant_id bigint, held bigint, captured bigint,
    returned bigint, refunded bigint, redirected bigint
);
CREATE TYPE ledger_line_v1 AS (
    account_id uuid, version bigint, tenant_id uuid, hold_id bigint, call bigint, rounding boolean, at timestamptz,
    amount bigint, cost bigint, refunded bigint, count integer, price_book_version integer, member_id uuid, project text, model text,
    category text, params text, ref text
);
CREATE TYPE ledger_entry_v1 AS (
    account_id uuid, version bigint, at timestamptz, tenant_id uuid, kind text, total_change bigint,
    held_change bigint, owed_change bigint, clawed_change bigint, spent bigint, available_after bigint,
    credit_limit bigint, member_id uuid, project text, model text, category text, hold_id bigint, grant_id bigint, text_digest bytea, hash bytea
);
CREATE TYPE ledger_text_v1 AS (
    account_id uuid, version bigint, tenant_id uuid, salt bytea, ref text, note text
);
CREATE TYPE ledger_operation_v1 AS (
    account_id uuid, mutation text, key text, tenant_id uuid, fingerprint bytea, at timestamptz, hold_id bigint,
    grant_id bigint, amount bigint, uncovered bigint
);
CREATE TYPE ledger_message_v1 AS (
    account_id uuid, origin text, message_id text, tenant_id uuid, received_at timestamptz
);
-- An account's profile, written by the command that opens the account.
CREATE TYPE ledger_profile_v1 AS (
    account_id uuid, tenant_id uuid, external_id text, name text, kind text, created_at timestamptz
);
-- Names of rows that a batch asks for: an account and an id, a key or a reference within it.
CREATE TYPE ledger_row_name_v1 AS (account_id uuid, local_id bigint);
CREATE TYPE ledger_key_name_v1 AS (account_id uuid, mutation text, key text);
CREATE TYPE ledger_text_name_v1 AS (account_id uuid, text text);
CREATE TYPE ledger_message_name_v1 AS (account_id uuid, origin text, message_id text);
CREATE TYPE ledger_opening_v1 AS (account_id uuid, tenant_id uuid);
