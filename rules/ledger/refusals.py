"""What the ledger refuses, as values. Amounts are micro-tokens, instants UTC.

The first that applies is returned, in this order (see `decide`): replay of a known key, IdempotencyConflict, NotFound,
InvalidInput, UnknownModel, InvalidParams, QuoteExpired, HoldNotOpen or HoldExpired, NotRefundable, HoldExceeded,
AccountFrozen, TierRequired, RateLimited, LimitReached, InsufficientTokens. A refusal changes nothing and is not
remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rules.ledger.kinds import HoldState
from rules.ledger.limit_status import LimitStatus
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such thing in the caller's scope; says the same whether it never was or belongs to somebody else."""

    what: str


@dataclass(frozen=True, slots=True)
class IdempotencyConflict:
    """The key is known, with another input."""

    key: str


@dataclass(frozen=True, slots=True)
class InsufficientTokens:
    """More is required than is available now."""

    required: int
    available: int


@dataclass(frozen=True, slots=True)
class LimitReached:
    """More is required than a limit leaves for its running window; balance or not."""

    limit: LimitStatus
    required: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """There were as many runs in the last minute as the price book allows; after so many whole seconds one more is."""

    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class AccountFrozen:
    """The account takes no new work, for now or, `closed`, for good; what is open may still be finished."""

    closed: bool = False


@dataclass(frozen=True, slots=True)
class TierRequired:
    """The model needs a plan of at least this tier, and the account has none such."""

    model: str
    tier: str


@dataclass(frozen=True, slots=True)
class QuoteExpired:
    """The quote's time is over: its price is no longer promised."""

    expired_at: datetime


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """The hold outlived its time and gave its tokens back."""

    expired_at: datetime


@dataclass(frozen=True, slots=True)
class HoldNotOpen:
    """The hold has ended already."""

    state: HoldState


@dataclass(frozen=True, slots=True)
class HoldExceeded:
    """The work cost more than the hold still has, and the commit asked to refuse that."""

    held: int
    required: int


@dataclass(frozen=True, slots=True)
class NotRefundable:
    """Less was captured, net of earlier refunds, than was asked back."""

    captured: int
    requested: int


Refusal = (
    NotFound
    | IdempotencyConflict
    | InvalidInput
    | UnknownModel
    | InvalidParams
    | QuoteExpired
    | HoldNotOpen
    | HoldExpired
    | HoldExceeded
    | NotRefundable
    | AccountFrozen
    | RateLimited
    | LimitReached
    | TierRequired
    | InsufficientTokens
)
"""Everything that the ledger can refuse with."""

InputRefusal = NotFound | InvalidInput | UnknownModel | InvalidParams
"""Found before the queue, but judged in it: it counts only when the key is unknown. NotFound is of a quote."""
