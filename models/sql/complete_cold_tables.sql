-- What the models cannot say: immutability, and the indexes of listing and search.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON price_book
    FOR EACH ROW EXECUTE FUNCTION farebox_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON price_book
    FOR EACH STATEMENT EXECUTE FUNCTION farebox_refuse_change();

CREATE INDEX price_book_in_force ON price_book (tenant_id, effective_at, version);
CREATE INDEX api_key_of_tenant ON api_key (tenant_id, created_at, id);

-- Searched by a range of plain columns, because row-level security keeps LIKE and lower() out of index conditions.
ALTER TABLE account
    ADD COLUMN external_id_folded text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(external_id)) STORED,
    ADD COLUMN name_folded text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED;
CREATE INDEX account_external_id_search ON account (tenant_id, external_id_folded);
CREATE INDEX account_name_search ON account (tenant_id, name_folded);

-- Rewritten once a minute per key in use: room on the page keeps that out of the indexes.
ALTER TABLE api_key SET (fillfactor = 70);
