-- Promo codes, who claims which, and who was wrong how often.
CREATE TABLE promo_code (
    promo_code_id            uuid PRIMARY KEY,
    tenant_id                uuid NOT NULL REFERENCES tenant (id),
    code                     text NOT NULL,
    canonical                text COLLATE "C" NOT NULL CHECK (char_length(canonical) BETWEEN 6 AND 64),
    amount                   bigint NOT NULL CHECK (amount > 0),
    active_from              timestamptz NOT NULL,
    active_to                timestamptz,
    max_redemptions          integer CHECK (max_redemptions > 0),
    max_per_account          integer NOT NULL CHECK (max_per_account > 0),
    audience                 text NOT NULL CHECK (audience IN ('EVERYONE', 'NEW_ACCOUNTS', 'ACCOUNTS')),
    account_external_ids     text[] NOT NULL,
    grant_expires_at         timestamptz,
    grant_expires_after_days integer CHECK (grant_expires_after_days > 0),
    priority                 integer NOT NULL,
    note                     text,
    claimed                  integer NOT NULL DEFAULT 0 CHECK (claimed >= 0),
    created_at               timestamptz NOT NULL,
    UNIQUE (tenant_id, canonical),
    UNIQUE (promo_code_id, tenant_id),
    CHECK (max_redemptions IS NULL OR claimed <= max_redemptions),
    CHECK (grant_expires_at IS NULL OR grant_expires_after_days IS NULL)
) WITH (fillfactor = 70);
COMMENT ON COLUMN promo_code.claimed IS 'how many claims there are, those whose grant is still on its way included';

-- One account's use of a code under an idempotency key: made before the grant, taken back when that is refused.
CREATE TABLE promo_claim (
    account_id    uuid NOT NULL,
    key           text NOT NULL,
    tenant_id     uuid NOT NULL,
    claim_id      uuid NOT NULL UNIQUE,
    promo_code_id uuid NOT NULL,
    fingerprint   bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    claimed_at    timestamptz NOT NULL,
    made_at       timestamptz NOT NULL,
    grant_id      bigint,
    PRIMARY KEY (account_id, key),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    FOREIGN KEY (promo_code_id, tenant_id) REFERENCES promo_code (promo_code_id, tenant_id),
    FOREIGN KEY (account_id, grant_id) REFERENCES token_grant (account_id, grant_id)
);
COMMENT ON COLUMN promo_claim.claimed_at IS 'by the tenant''s clock; made_at by the real one';
CREATE INDEX promo_claim_of_code ON promo_claim (account_id, promo_code_id);
CREATE INDEX promo_claim_open ON promo_claim (made_at) WHERE grant_id IS NULL;

-- The latest failed attempts of an account, and of a tenant (then owner_id is the tenant's id); ascending.
CREATE TABLE promo_guesses (
    owner_id  uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    failures  timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
