-- Tenants whose price book has had rules of loyalty, and until when (by the tenant's clock) spending was looked through.
CREATE TABLE loyalty_watch (
    tenant_id      uuid PRIMARY KEY REFERENCES tenant (id),
    reviewed_until timestamptz NOT NULL
);
-- Who has spent lately, however long the journal is: entries come in the order of their instants, nearly.
CREATE INDEX entry_at ON entry USING brin (at) WITH (pages_per_range = 16, autosummarize = on);
