-- The third shape of the rows that travel: short rows for what most batches do. Whoever writes one has compared the rest of
-- the row with what it loaded. The functions before stay for processes of the release before; both may write at once.

-- An account of which nothing changed but its sums and its place in time.
CREATE TYPE ledger_tally_v3 AS (
    account_id uuid, total bigint, held bigint, credit_drawn bigint, mark bigint, version bigint, head_hash bytea,
    due_at timestamptz, last_at timestamptz, day_consumed bigint, week_consumed bigint, month_consumed bigint,
    total_consumed bigint
);
-- A grant that holds were made of or paid from, and nothing else.
CREATE TYPE ledger_burned_v3 AS (account_id uuid, grant_id bigint, remaining bigint, held bigint, spent bigint);
-- A hold of which nothing was captured or given back yet, and its allocations.
CREATE TYPE ledger_begun_v3 AS (
    account_id uuid, hold_id bigint, tenant_id uuid, amount bigint, rounding_unit bigint, price_book_version integer,
    member_id uuid, project text, lines text, created_at timestamptz, expires_at timestamptz, description text
);
CREATE TYPE ledger_set_aside_v3 AS (
    account_id uuid, hold_id bigint, ordinal integer, tenant_id uuid, grant_id bigint, held bigint
);
