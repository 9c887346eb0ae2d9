"""What the ledger's reads answer with, beside the rows themselves. Amounts are micro-tokens, instants UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from rules.ledger.kinds import EntryKind
from rules.ledger.refusals import AccountFrozen, InsufficientTokens
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


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as it is shown, with the steps that add up to its cost.

    `unit_cost`, `cost` and the steps are what was charged, or set aside as the upper bound where the line is a hold's;
    `min_cost` and `max_cost` (None: no upper bound) are of one use over all allowed params.
    """

    ref: str | None
    model: str
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


Blocker = AccountFrozen | InsufficientTokens
"""What can stand in the way of work that has a price."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """Work with its price at a version of the price book.

    `affordable` and `balance_after` (what would be available afterwards) are None without an account.
    """

    total: int
    rounding: int
    lines: tuple[LineView, ...]
    price_book_version: int
    affordable: bool | None = None
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[EstimateWarning, ...] = ()
    balance_after: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A locked price. `owner_id` is the account it is bound to, or the tenant; `number` is its name within that."""

    owner_id: UUID
    number: int
    expires_at: datetime
    estimated: Estimated
