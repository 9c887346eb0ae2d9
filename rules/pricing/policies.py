"""Policies: the rules of a product beside its prices, as data of its price book."""

from __future__ import annotations

from dataclasses import dataclass

GRANT_SOURCES = (
    "PURCHASE",
    "PLAN",
    "TRIAL",
    "BONUS",
    "REFERRAL",
    "PROMO",
    "LOYALTY",
    "AUTO_TOP_UP",
    "ADJUSTMENT",
    "TRANSFER",
)
"""Sources of grants that an expiry can be set for; assigned tokens keep that of the grant they were split from."""


@dataclass(frozen=True, slots=True)
class AutoTopUpPolicy:
    """What auto top-up is offered with: below the threshold the package is bought, never twice within the cooldown.

    `monthly_cap_minor_units` bounds the money of a month, in the book's currency.
    """

    threshold_micros: int
    package_id: str
    cooldown_seconds: int = 3600
    monthly_cap_minor_units: int | None = None


@dataclass(frozen=True, slots=True)
class LoyaltyRule:
    """So much spent within a period of so many days gives tokens, once for each period.

    `expires_months` None: as `expiry_months` says of LOYALTY.
    """

    spent_micros: int
    within_days: int
    tokens_micros: int
    expires_months: int | None = None

    @property
    def asks_for(self) -> tuple[int, int]:
        """What tells it from the book's other rules."""
        return self.spent_micros, self.within_days


@dataclass(frozen=True, slots=True)
class Policies:
    """The product's rules; what a book leaves out has these defaults.

    `expiry_months` is by grant source as in GRANT_SOURCES, None meaning never; `alert_percents` and
    `daily_limit_percents` fall; `daily_limit_micros` is the daily limit of an account that has set none.
    """

    trial_tokens_micros: int = 0
    expiry_months: tuple[tuple[str, int | None], ...] = ()
    refund_days: int = 0
    alert_percents: tuple[int, ...] = (20, 10)
    daily_limit_percents: tuple[int, ...] = (80,)
    daily_limit_micros: int | None = None
    runs_per_minute: int | None = None
    referral_percent: int = 0
    quote_ttl_seconds: int = 900
    hold_ttl_seconds: int = 900
    hold_ttl_seconds_max: int = 86_400
    grace_days: int = 7
    auto_top_up: AutoTopUpPolicy | None = None
    loyalty: tuple[LoyaltyRule, ...] = ()

    def months_until_expiry(self, source: str) -> int | None:
        """After how many months a grant of this source expires; None: never."""
        return dict(self.expiry_months).get(source)
