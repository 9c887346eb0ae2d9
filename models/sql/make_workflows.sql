-- Saved workflows: what an account calls them, and their versions, which never change.
CREATE TABLE workflow (
    account_id  uuid NOT NULL,
    slug        text COLLATE "C" NOT NULL CHECK (slug <> ''),
    tenant_id   uuid NOT NULL,
    name        text NOT NULL,
    newest      integer NOT NULL DEFAULT 0 CHECK (newest >= 0),
    archived_at timestamptz,
    PRIMARY KEY (account_id, slug),
    UNIQUE (account_id, slug, tenant_id),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
) WITH (fillfactor = 70);

CREATE TABLE workflow_version (
    account_id uuid NOT NULL,
    slug       text COLLATE "C" NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    tenant_id  uuid NOT NULL,
    lines      text NOT NULL,
    note       text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, slug, version),
    FOREIGN KEY (account_id, slug, tenant_id) REFERENCES workflow (account_id, slug, tenant_id)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON workflow_version
    FOR EACH ROW EXECUTE FUNCTION farebox_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON workflow_version
    FOR EACH STATEMENT EXECUTE FUNCTION farebox_refuse_change();
