-- Who referred whom, and what became of it; and the cards that accounts are known to have paid with.
-- The code derives from the account's id as in rules/identity.py. It is not unique by force: 64 bits do not meet.
ALTER TABLE account ADD COLUMN referral_code text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    translate(left(encode(sha256('farebox.referral'::bytea || '\x00'::bytea || uuid_send(account_id)), 'hex'), 16),
              '0123456789abcdef', '23456789CDFGHJKM')
) STORED;
CREATE INDEX account_referral_code ON account (tenant_id, referral_code);

CREATE TABLE referral (
    account_id        uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL,
    referrer_id       uuid NOT NULL,
    referred_at       timestamptz NOT NULL,
    state             text NOT NULL CHECK (state IN ('WAITING', 'DUE', 'GIVEN', 'WITHHELD', 'TAKING_BACK', 'TAKEN_BACK')),
    purchase_grant_id bigint,
    purchased         bigint CHECK (purchased > 0),
    percent           integer CHECK (percent BETWEEN 0 AND 100),
    card_fingerprint  text,
    claws_back        boolean NOT NULL DEFAULT false,
    attend_at         timestamptz,
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    FOREIGN KEY (referrer_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id),
    CHECK (account_id <> referrer_id),
    CHECK ((state = 'WAITING') = (purchase_grant_id IS NULL)),
    CHECK ((purchase_grant_id IS NULL) = (purchased IS NULL) AND (purchased IS NULL) = (percent IS NULL)),
    CHECK ((state IN ('DUE', 'TAKING_BACK')) = (attend_at IS NOT NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN referral.account_id IS 'who was referred';
COMMENT ON COLUMN referral.attend_at IS 'by the real clock: something is to be done, not before';
CREATE INDEX referral_open ON referral (attend_at) WHERE attend_at IS NOT NULL;

CREATE TABLE purchase_card (
    account_id  uuid NOT NULL,
    fingerprint text NOT NULL,
    tenant_id   uuid NOT NULL,
    PRIMARY KEY (account_id, fingerprint),
    FOREIGN KEY (account_id, tenant_id) REFERENCES ledger_account (account_id, tenant_id)
);
