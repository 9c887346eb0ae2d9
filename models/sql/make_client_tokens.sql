-- What client tokens are signed with, and which of them have ended before their time.
CREATE TABLE signing_secret (
    tenant_id  uuid PRIMARY KEY REFERENCES tenant (id),
    secret     bytea NOT NULL CHECK (octet_length(secret) = 32),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE signing_secret IS 'Never leaves the server; no request of a tenant may read it';

-- Every token of the account (member_id null) or of one member that was issued until `revoked_at` has ended.
CREATE TABLE client_token_revocation (
    account_id uuid NOT NULL,
    member_id  uuid,
    tenant_id  uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (account_id, member_id),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
);

-- The account of a key is one of the key's tenant.
ALTER TABLE api_key
    ADD CONSTRAINT api_key_account FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id);
