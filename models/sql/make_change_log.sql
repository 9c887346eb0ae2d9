-- Administrative acts: who did what, written in the act's own transaction and never changed.
CREATE TABLE change_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenant (id),
    at              timestamptz NOT NULL,
    actor_kind      text NOT NULL,
    actor_key_id    uuid,
    actor_member_id uuid,
    act             text NOT NULL CHECK (act <> ''),
    account_id      uuid,
    subject         text,
    detail          jsonb NOT NULL CHECK (jsonb_typeof(detail) = 'object')
);
CREATE INDEX change_log_of_tenant ON change_log (tenant_id, id);
CREATE INDEX change_log_of_account ON change_log (account_id, id) WHERE account_id IS NOT NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON change_log
    FOR EACH ROW EXECUTE FUNCTION farebox_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON change_log
    FOR EACH STATEMENT EXECUTE FUNCTION farebox_refuse_change();
