-- Projects by the label that work carries; work may carry a label that is no project.
CREATE TABLE project (
    account_id     uuid NOT NULL,
    name           text COLLATE "C" NOT NULL CHECK (name <> ''),
    tenant_id      uuid NOT NULL,
    estimate       bigint CHECK (estimate >= 0),
    buffer_percent integer NOT NULL DEFAULT 0 CHECK (buffer_percent BETWEEN 0 AND 1000),
    budget         bigint CHECK (budget >= 0),
    created_at     timestamptz NOT NULL,
    archived_at    timestamptz,
    PRIMARY KEY (account_id, name),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
);
COMMENT ON COLUMN project.budget IS 'null: follows from estimate and buffer';
