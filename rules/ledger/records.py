"""What the ledger's reads answer with, beside the rows themselves. Amounts are micro-tokens, instants UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, TypeVar
from uuid import UUID

from rules.ledger.kinds import AlertKind, EntryKind
from rules.ledger.limit_status import LimitStatus
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, LimitReached, RateLimited, TierRequired
from rules.pricing.costs import CostStep
from rules.pricing.formulas import PricingType

Row = TypeVar("Row", covariant=True)
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Key]):
    """Which part of a list is asked for: at most `first` rows, after the row with this key in the list's order."""

    first: int
    after: Key | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One part of a list, and whether more follows."""

    rows: tuple[Row, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class MembersSeen:
    """Whose rows of an account are seen: everybody's, or the pool's and those of `member_id` where there is one."""

    everyone: bool = True
    member_id: UUID | None = None

    def include(self, member_id: UUID | None) -> bool:
        """Whether a row of this member is seen; None: it is the pool's."""
        return self.everyone or member_id is None or member_id == self.member_id

    @property
    def only(self) -> list[UUID] | None:
        """The members whose rows are seen beside the pool's, as statements take them; None: all."""
        return None if self.everyone else [member for member in (self.member_id,) if member is not None]


EVERYONE: Final = MembersSeen()


class EntryOrder(StrEnum):
    """In which direction the journal is read."""

    NEWEST_FIRST = "NEWEST_FIRST"
    OLDEST_FIRST = "OLDEST_FIRST"


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are meant; every part given must hold. `kinds` None: every kind.

    `after_version` takes entries beyond that version; `since` is inclusive, `before` is not.
    """

    after_version: int | None = None
    kinds: frozenset[EntryKind] | None = None
    project: str | None = None
    model: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which events are meant; every part given must hold. `kinds` None: every kind.

    Active: what they tell of is still so. A threshold is still crossed, a grant still has free tokens to lose, a day is
    not over.
    """

    kinds: frozenset[AlertKind] | None = None
    active_only: bool = False
    seen: MembersSeen = EVERYONE
    """Whose days and assigned grants: a member is told of its own and of nobody else's."""


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as it is shown, with the steps that add up to its cost.

    `unit_cost`, `cost` and the steps are what was charged, or set aside as the upper bound where the line is a hold's;
    `min_cost` and `max_cost` (None: no upper bound) are of one use over all allowed params.
    """

    ref: str | None
    model: str
    category: str
    count: int
    unit_cost: int
    cost: int
    min_cost: int
    max_cost: int | None
    pricing_type: PricingType
    price_book_version: int
    steps: tuple[CostStep, ...]


@dataclass(frozen=True, slots=True)
class CaptureView:
    """One capture: what one call took from a hold at one instant, without rounding. No lines where it was an amount."""

    amount: int
    at: datetime
    lines: tuple[LineView, ...]


class EstimateWarning(StrEnum):
    """What a client should warn of although the work would go through."""

    LOW_BALANCE = "LOW_BALANCE"
    NEAR_DAILY_LIMIT = "NEAR_DAILY_LIMIT"


Blocker = AccountFrozen | TierRequired | RateLimited | LimitReached | InsufficientTokens
"""What can stand in the way of work that has a price."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """Work with its price at a version of the price book.

    `affordable` and `balance_after` (what would be available afterwards) are None without an account. `near_limits` are
    those that the work would bring near their end, as they stand before it.
    """

    total: int
    rounding: int
    lines: tuple[LineView, ...]
    price_book_version: int
    affordable: bool | None = None
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[EstimateWarning, ...] = ()
    balance_after: int | None = None
    near_limits: tuple[LimitStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """A locked price. `owner_id` is the account it is bound to, or the tenant; `number` is its name within that."""

    owner_id: UUID
    number: int
    expires_at: datetime
    estimated: Estimated
