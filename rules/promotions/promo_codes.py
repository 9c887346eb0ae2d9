"""Promo codes: their canonical form, and whether one may be redeemed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

CODE_LENGTH_MIN: Final = 6
CODE_LENGTH_MAX: Final = 64
"""Characters of the canonical form."""

TYPED_LENGTH_MAX: Final = 255
"""Characters of a code as somebody types it."""

GRANT_DAYS_MAX: Final = 3_650


class PromoAudience(StrEnum):
    """Whom a promo code is for: everyone, accounts that never had a purchase, or those that it names."""

    EVERYONE = "EVERYONE"
    NEW_ACCOUNTS = "NEW_ACCOUNTS"
    ACCOUNTS = "ACCOUNTS"


@dataclass(frozen=True, slots=True)
class PromoNotActive:
    """The code gives nothing now; why is told only where it is the caller's own doing."""

    already_redeemed: bool = False


@dataclass(frozen=True, slots=True)
class PromoTerms:
    """What a promo code gives, to whom and when. `amount` in micro-tokens; instants by the tenant's clock.

    The grant ends at `grant_expires_at`, or so many days after it was redeemed, or as the price book says of PROMO.
    """

    code: str
    amount: int
    active_from: datetime | None = None
    active_to: datetime | None = None
    max_redemptions: int | None = None
    max_per_account: int = 1
    audience: PromoAudience = PromoAudience.EVERYONE
    account_external_ids: tuple[str, ...] = ()
    grant_expires_at: datetime | None = None
    grant_expires_after_days: int | None = None
    priority: int = 50
    note: str | None = None

    def expires_at(self, redeemed_at: datetime) -> datetime | None:
        """When a grant that is redeemed at this instant ends; None: as the price book says."""
        if self.grant_expires_after_days is not None:
            return redeemed_at + timedelta(days=self.grant_expires_after_days)
        return self.grant_expires_at


@dataclass(frozen=True, slots=True)
class PromoCode:
    """A promo code as it stands; `claimed` counts redemptions, those on their way included."""

    promo_code_id: UUID
    terms: PromoTerms
    claimed: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Who wants to redeem: `claims` of this code so far, those on their way included."""

    external_id: str
    has_purchased: bool
    claims: int


def canonical_code(typed: str) -> str:
    """The form in which codes are compared: case, spaces and hyphens of any kind are forgiven."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", typed).casefold()).upper()
    return "".join(
        character for character in folded if not character.isspace() and unicodedata.category(character) != "Pd"
    )


def judge_promo_code(found: PromoCode | None, redeemer: Redeemer, now: datetime) -> PromoNotActive | None:
    """Why the code gives nothing to this account now; None where it may be redeemed.

    A code that never was is answered like one that is over, not begun, used up or somebody else's.
    """
    if found is None:
        return PromoNotActive()
    terms = found.terms
    if redeemer.claims >= terms.max_per_account:
        # Who has redeemed it knows it, so this tells nobody anything new.
        return PromoNotActive(already_redeemed=redeemer.claims > 0)
    ends_at = terms.expires_at(now)
    is_active = (
        (terms.active_from is None or terms.active_from <= now)
        and (terms.active_to is None or now < terms.active_to)
        and (ends_at is None or now < ends_at)
        and (terms.max_redemptions is None or found.claimed < terms.max_redemptions)
    )
    return None if is_active and _is_for(terms, redeemer) else PromoNotActive()


def _is_for(terms: PromoTerms, redeemer: Redeemer) -> bool:
    match terms.audience:
        case PromoAudience.EVERYONE:
            return True
        case PromoAudience.NEW_ACCOUNTS:
            return not redeemer.has_purchased
        case PromoAudience.ACCOUNTS:
            return redeemer.external_id in terms.account_external_ids
