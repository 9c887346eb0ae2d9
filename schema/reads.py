"""What shown types read when a client selects what lies behind them, and the records they are shown from.

Protocols, so that the schema reaches readers without knowing the services that are them. Whoever holds a type made from
a record has passed the scope already: the tenant and account named here are the credential's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol, TypeAlias
from uuid import UUID

import strawberry

from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.balance import POOL, BalanceSnapshot
from rules.ledger.burn_down import Spender
from rules.ledger.journal import Entry
from rules.ledger.limit_status import LimitStatus
from rules.ledger.records import (
    EVERYONE,
    AlertFilter,
    CaptureView,
    EntryFilter,
    EntryOrder,
    LineView,
    MembersSeen,
    Page,
    Slice,
)
from rules.ledger.state import Grant, Hold
from rules.ledger.team import Member
from rules.ledger.usage_reports import Forecast
from rules.pricing.money import Paid
from rules.pricing.price_book import PriceBook
from schema.words import AccountKind, HoldState


class AccountRecord(Protocol):
    """An account's profile with the settings that the ledger keeps. `credit_limit` in micro-tokens, -1 unlimited."""

    @property
    def account_id(self) -> UUID:
        """Its id."""

    @property
    def external_id(self) -> str:
        """The tenant's own name for it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def kind(self) -> AccountKind:
        """Whether one person's or a team's."""

    @property
    def time_zone(self) -> str:
        """IANA name."""

    @property
    def credit_limit(self) -> int:
        """How far below zero it may go."""

    @property
    def frozen(self) -> bool:
        """Whether it takes no new work."""

    @property
    def plan_id(self) -> str | None:
        """The plan that it is on."""

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed."""


class PublishedBook(Protocol):
    """One version of a tenant's price book."""

    @property
    def book(self) -> PriceBook:
        """The book itself."""

    @property
    def version(self) -> int:
        """Its number, from 1."""

    @property
    def published_at(self) -> datetime:
        """When it was made, in UTC."""

    @property
    def effective_at(self) -> datetime:
        """From when on it is in force, in UTC."""


class PriceBookRecord(Protocol):
    """A version of a tenant's price book, without what is in it."""

    @property
    def version(self) -> int:
        """Its number, from 1."""

    @property
    def slug(self) -> str:
        """Which price list."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def published_at(self) -> datetime:
        """When it was made, in UTC."""

    @property
    def effective_at(self) -> datetime:
        """From when on it is in force, in UTC."""

    @property
    def in_force(self) -> bool:
        """Whether it is now."""


class LedgerReads(Protocol):
    """Reads of one account. Whatever is due is settled first. None, or an empty page: the tenant has no such thing."""

    async def balance(self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL) -> BalanceSnapshot | None:
        """The balance now, as it is for this spender."""

    async def member(self, tenant_id: UUID, account_id: UUID, member_id: UUID) -> Member | None:
        """One member, also one that was removed."""

    async def has_account(self, tenant_id: UUID, account_id: UUID) -> bool:
        """Whether there is such an account; remembered once it is."""

    async def has_member(self, tenant_id: UUID, account_id: UUID, member_id: UUID) -> bool:
        """Whether the account has such a member, or had it; remembered likewise."""

    async def members(self, tenant_id: UUID, account_id: UUID, part: Slice[str], *, active_only: bool) -> Page[Member]:
        """By external id, which is also the key."""

    async def count_members(self, tenant_id: UUID, account_id: UUID, *, active_only: bool) -> int:
        """How many `members` lists in all."""

    async def limits(self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL) -> tuple[LimitStatus, ...]:
        """Every limit of the account now, and of the spender's member and project; whether or not one is set."""

    async def hold(self, tenant_id: UUID, account_id: UUID, hold_id: int) -> Hold | None:
        """One hold, open or ended."""

    async def grant(self, tenant_id: UUID, account_id: UUID, grant_id: int) -> Grant | None:
        """One grant, also when used up."""

    async def entry(self, tenant_id: UUID, account_id: UUID, version: int) -> Entry | None:
        """One entry of the journal."""

    async def paid(self, tenant_id: UUID, account_id: UUID) -> tuple[Paid, ...]:
        """What was paid for the tokens that it has, by currency."""

    async def hold_lines(self, tenant_id: UUID, account_id: UUID, hold: Hold) -> tuple[LineView, ...]:
        """What was set aside, line by line, re-rated at the hold's price book version; empty for a plain amount."""

    async def lines_of_holds(
        self, tenant_id: UUID, account_id: UUID, hold_ids: Sequence[int]
    ) -> Mapping[int, tuple[LineView, ...]]:
        """As `hold_lines` for several holds in one read."""

    async def hold_captures(self, tenant_id: UUID, account_id: UUID, hold: Hold) -> tuple[CaptureView, ...]:
        """What was captured, oldest first, with the steps that led to each line's cost."""

    async def latest_captures(
        self, tenant_id: UUID, account_id: UUID, hold_ids: Sequence[int], version: int
    ) -> Mapping[int, tuple[CaptureView, ...]]:
        """As `hold_captures` for several holds in one read, up to a version, of each only its latest."""

    async def grants(
        self, tenant_id: UUID, account_id: UUID, part: Slice[int], *, active_only: bool, seen: MembersSeen = EVERYONE
    ) -> Page[Grant]:
        """Newest first, keyed by grant id. Active: neither ended nor expired, with tokens left."""

    async def count_grants(
        self, tenant_id: UUID, account_id: UUID, *, active_only: bool, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `grants` lists in all."""

    async def holds(
        self,
        tenant_id: UUID,
        account_id: UUID,
        part: Slice[int],
        *,
        state: HoldState | None,
        seen: MembersSeen = EVERYONE,
    ) -> Page[Hold]:
        """Newest first, keyed by hold id."""

    async def count_holds(
        self, tenant_id: UUID, account_id: UUID, *, state: HoldState | None, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `holds` lists in all."""

    async def entries(
        self,
        tenant_id: UUID,
        account_id: UUID,
        part: Slice[int],
        wanted: EntryFilter,
        *,
        order: EntryOrder = EntryOrder.NEWEST_FIRST,
        seen: MembersSeen = EVERYONE,
    ) -> Page[Entry]:
        """In one order or the other, keyed by version."""

    async def count_entries(
        self, tenant_id: UUID, account_id: UUID, wanted: EntryFilter, *, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `entries` lists in all."""

    async def alert_settings(self, tenant_id: UUID, account_id: UUID) -> Alerting | None:
        """The thresholds of the account, as they are by default where it has set none."""

    async def alert_event(
        self, tenant_id: UUID, account_id: UUID, event_id: int, *, seen: MembersSeen = EVERYONE
    ) -> AlertEvent | None:
        """One event."""

    async def alert_events(
        self, tenant_id: UUID, account_id: UUID, part: Slice[int], wanted: AlertFilter
    ) -> Page[AlertEvent]:
        """Newest first, keyed by event id."""

    async def crossings(
        self, tenant_id: UUID, account_id: UUID, after: int, through: int, *, first: int, from_version: int = 0
    ) -> tuple[AlertEvent, ...]:
        """The first low-balance crossings numbered beyond `after`, through `through`, at `from_version` or later."""

    async def count_alert_events(self, tenant_id: UUID, account_id: UUID, wanted: AlertFilter) -> int:
        """How many `alert_events` lists in all."""


class PriceBooks(Protocol):
    """A tenant's price lists, read and checked once."""

    async def current(self, tenant_id: UUID) -> PublishedBook:
        """The version in force now."""

    async def currency(self, tenant_id: UUID) -> str | None:
        """The currency of the version in force, as an ISO 4217 code in lower case; None where none is in force."""

    async def at_version(self, tenant_id: UUID, version: int) -> PublishedBook | None:
        """One version, in force or not; None when the tenant has none of that number."""


class Usage(Protocol):
    """What tokens were spent for."""

    async def forecast(self, tenant_id: UUID, account_id: UUID) -> Forecast | None:
        """How long what is available lasts; None for an unknown account."""

    async def usage_of_member(
        self, tenant_id: UUID, account_id: UUID, member_id: UUID, since: date | None, until: date | None
    ) -> int:
        """Micro-tokens that a member spent, from one local day through another."""


class Behind(Protocol):
    """What lies behind the shown types: the part of a request's context that the schema knows."""

    @property
    def members_seen(self) -> MembersSeen:
        """Whose rows of an account are shown."""

    @property
    def reads(self) -> LedgerReads:
        """Reads of accounts."""

    @property
    def price_books(self) -> PriceBooks:
        """Price lists."""

    @property
    def usage(self) -> Usage:
        """Usage."""


Info: TypeAlias = strawberry.Info[Behind, None]
"""What Strawberry hands to the fields that read."""
