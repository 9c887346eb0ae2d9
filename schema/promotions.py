"""Promotions: what is given away, to whom and how often."""

from __future__ import annotations

from datetime import datetime

import strawberry

from rules.identity import IdKind
from rules.promotions import promo_codes as rules
from schema.described import output
from schema.nodes import shown_id
from schema.scalars import Tokens
from schema.words import PromoAudience


@output
class PromoCode:
    """A code that gives tokens to whoever redeems it."""

    id: strawberry.ID
    """Opaque, and the same for good."""
    code: str
    """As it was made; case, spaces and hyphens are forgiven to those who type it."""
    tokens: Tokens
    """What each redemption gives."""
    active_from: datetime
    """From when on it can be redeemed, by the tenant's clock."""
    active_to: datetime | None
    """From when on it cannot any more; null: without an end."""
    max_redemptions: int | None
    """How often in total; null: without a cap."""
    max_per_account: int
    """How often by one account."""
    audience: PromoAudience
    """Whom it is for."""
    account_external_ids: list[str]
    """Which accounts, with the audience ACCOUNTS."""
    expires_at: datetime | None
    """When what is left of its grants ends; null: see `expiresAfterDays`."""
    expires_after_days: int | None
    """How many days after it was redeemed; null beside a null `expiresAt`: as the price book says of PROMO."""
    priority: int
    """Of its grants: lower is spent first."""
    note: str | None
    """What stands on its grants."""
    redemptions: int
    """How often it was redeemed, redemptions on their way included."""
    created_at: datetime
    """When it was made."""


def shown_promo_code(found: rules.PromoCode) -> PromoCode:
    """A promo code as it is shown."""
    terms = found.terms
    return PromoCode(
        id=shown_id(IdKind.PROMO_CODE, found.promo_code_id),
        code=terms.code,
        tokens=Tokens(terms.amount),
        active_from=terms.active_from or found.created_at,
        active_to=terms.active_to,
        max_redemptions=terms.max_redemptions,
        max_per_account=terms.max_per_account,
        audience=terms.audience,
        account_external_ids=list(terms.account_external_ids),
        expires_at=terms.grant_expires_at,
        expires_after_days=terms.grant_expires_after_days,
        priority=terms.priority,
        note=terms.note,
        redemptions=found.claimed,
        created_at=found.created_at,
    )
