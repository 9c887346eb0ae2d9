"""Inputs of promotions: promo codes, and tokens given to many."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import Maybe

from schema.described import given
from schema.inputs import PRIORITY_DEFAULT
from schema.scalars import Tokens
from schema.words import GrantSource, PromoAudience


@given
class GrantTokensToManyInput:
    """A lot of tokens for each of many accounts: name them by id or by externalId, or take everyone page by page."""

    idempotency_key: str
    """1 to 255 characters: each account gets the tokens once under it, for good, however often it is named."""
    account_ids: list[strawberry.ID] | None
    """Who gets them, 1 to 1000 accounts; or `accountExternalIds`, or `everyone`."""
    account_external_ids: list[str] | None
    """The tenant's own names for them, 1 to 1000."""
    everyone: bool | None = False
    """Whether every account of the tenant gets them: 1000 a call, by external id. The answer's `endCursor` is the next
    call's `after`; null: all were served."""
    after: str | None
    """With `everyone`: where the last call ended."""
    amount: Tokens
    """How many tokens each, above 0."""
    source: GrantSource | None = GrantSource.BONUS
    """BONUS, LOYALTY, PROMO or ADJUSTMENT."""
    priority: int | None = PRIORITY_DEFAULT
    """Lower is spent first."""
    expires_at: Maybe[datetime | None]
    """When what is left ends; absent: as the price book's policy says for the source; null: never."""
    note: str | None
    """Anything that people should find on the grants."""


@given
class CreatePromoCodeInput:
    """A new promo code."""

    code: str
    """What people type: 6 to 64 letters and digits. Case, spaces and hyphens are forgiven, so two codes must differ in
    more than these."""
    tokens: Tokens
    """What each redemption gives, above 0."""
    active_from: datetime | None
    """From when on it can be redeemed, by the tenant's clock; absent: now."""
    active_to: datetime | None
    """From when on it cannot any more; absent: without an end."""
    max_redemptions: int | None
    """How often in total; absent: without a cap."""
    max_per_account: int | None = 1
    """How often by one account."""
    audience: PromoAudience | None = PromoAudience.EVERYONE
    """Whom it is for."""
    account_external_ids: list[str] | None
    """With the audience ACCOUNTS: which, 1 to 1000; they need not exist yet."""
    expires_at: datetime | None
    """When what is left of its grants ends; or `expiresAfterDays`. Neither: as the price book says of PROMO."""
    expires_after_days: int | None
    """How many days after it was redeemed what is left of a grant ends, 1 to 3650."""
    priority: int | None = PRIORITY_DEFAULT
    """Of its grants: lower is spent first."""
    note: str | None
    """Anything that people should find on its grants."""


@given
class UpdatePromoCodeInput:
    """What to change of a promo code. An absent field stays as it is."""

    id: strawberry.ID
    """The promo code."""
    active_to: Maybe[datetime | None]
    """From when on it cannot be redeemed; an instant that is over ends it now; null: without an end."""
    max_redemptions: Maybe[int | None]
    """How often in total, never less than it was redeemed; null: without a cap."""
    max_per_account: Maybe[int | None]
    """How often by one account."""
    note: Maybe[str | None]
    """Anything that people should find on its grants; null: nothing."""


@given
class RedeemPromoCodeInput:
    """Which code, and for whom."""

    idempotency_key: str
    """As in `ReserveInput`."""
    account_id: strawberry.ID | None
    """Whose the tokens are to be; or `accountExternalId`."""
    account_external_id: str | None
    """The tenant's own name for the account."""
    code: str
    """The code, as somebody typed it."""
