"""Reads of one account: single things, what lies behind them, and pages of its lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.ledger import rows
from models.statements import statement
from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.balance import POOL, BalanceSnapshot
from rules.ledger.burn_down import Spender
from rules.ledger.charges import EXPLAINED_ENTRIES_MAX, EXPLAINED_LINES_MAX, BurnedPart, ChargeFacts
from rules.ledger.journal import Entry
from rules.ledger.kinds import GrantSource, HoldState
from rules.ledger.limit_status import LimitStatus
from rules.ledger.limits import statuses_of
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
from rules.pricing.money import Paid
from services.ledger.line_views import captured_views, captures_of_holds, reserved_views, views_of_holds
from services.ledger.settled_reads import SettledReads
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.read_through_cache import ReadThroughCache

LATEST_LINES: Final = 20
"""Captured lines of a hold that are shown where many holds are told of again and again; most have one or two."""

KNOWN_MAX: Final = 50_000
"""Accounts, and members, that are remembered to be there: some megabytes."""

_TOP: Final = 2**63 - 1


class LedgerReads(SettledReads):
    """What the API sees of accounts. None, or an empty page: the tenant has no such thing."""

    def __init__(self, database: Database, writer: Writer, price_books: PriceBooks) -> None:
        super().__init__(database, writer, price_books)
        # Neither accounts nor members are ever deleted: whoever was there once is there for good.
        self._accounts = ReadThroughCache(self._is_account, size=KNOWN_MAX, ttl_seconds=None)
        self._members = ReadThroughCache(self._is_member, size=KNOWN_MAX, ttl_seconds=None)

    async def has_account(self, tenant_id: UUID, account_id: UUID) -> bool:
        """Whether there is such an account; asked of the database once, however many want to know at the same time."""
        return await self._accounts.get((tenant_id, account_id)) is not None

    async def has_member(self, tenant_id: UUID, account_id: UUID, member_id: UUID) -> bool:
        """Whether the account has such a member, or had it; asked likewise."""
        return await self._members.get((tenant_id, account_id, member_id)) is not None

    async def _is_account(self, name: tuple[UUID, UUID]) -> bool | None:
        return None if await self.read(*name) is None else True

    async def _is_member(self, name: tuple[UUID, UUID, UUID]) -> bool | None:
        return None if await self.member(*name) is None else True

    async def limits(self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL) -> tuple[LimitStatus, ...]:
        """Every limit of the account now, and of the spender's member and project; whether or not one is set."""
        reading = await self.read(tenant_id, account_id, spender)
        if reading is None:
            return ()
        limit, since = reading.daily_limit, reading.daily_limit_since
        return statuses_of(reading.state, spender, reading.now, limit, since)

    async def balance(self, tenant_id: UUID, account_id: UUID, spender: Spender = POOL) -> BalanceSnapshot | None:
        """The balance now, as it is for this spender."""
        reading = await self.read(tenant_id, account_id, spender)
        return reading.balance if reading is not None else None

    async def member(self, tenant_id: UUID, account_id: UUID, member_id: UUID) -> Member | None:
        """One member, also one that was removed."""
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(statement("read_member"), account_id, member_id, tenant_id)
        return rows.read_member(tuple(row)) if row is not None else None

    async def members(self, tenant_id: UUID, account_id: UUID, part: Slice[str], *, active_only: bool) -> Page[Member]:
        """By external id, which is also the key."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_members"), account_id, tenant_id, part.after, active_only, part.first + 1
            )
        return Page(tuple(rows.read_member(tuple(row)) for row in found[: part.first]), len(found) > part.first)

    async def count_members(self, tenant_id: UUID, account_id: UUID, *, active_only: bool) -> int:
        """How many `members` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_members"), account_id, tenant_id, active_only))

    async def hold(self, tenant_id: UUID, account_id: UUID, hold_id: int) -> Hold | None:
        """One hold, open or ended."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return None
            row = await connection.fetchrow(statement("read_hold"), account_id, hold_id)
        return rows.read_hold(tuple(row)) if row is not None else None

    async def grant(self, tenant_id: UUID, account_id: UUID, grant_id: int) -> Grant | None:
        """One grant, also when used up."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return None
            row = await connection.fetchrow(statement("read_grant"), account_id, grant_id)
        return rows.read_grant(tuple(row)) if row is not None else None

    async def entry(self, tenant_id: UUID, account_id: UUID, version: int) -> Entry | None:
        """One entry of the journal."""
        found = await self.entries(tenant_id, account_id, Slice(1, version + 1), EntryFilter(after_version=version - 1))
        return found.rows[0] if found.rows else None

    async def paid(self, tenant_id: UUID, account_id: UUID) -> tuple[Paid, ...]:
        """What was paid for the tokens that it has, by currency; nothing for gifts."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return ()
            found = await connection.fetch(statement("sum_paid_grants"), account_id, reading.now)
        return tuple(Paid(row["currency"], int(row["minor_units"]), int(row["tokens_micros"])) for row in found)

    async def hold_lines(self, tenant_id: UUID, account_id: UUID, hold: Hold) -> tuple[LineView, ...]:
        """What was set aside, line by line, rated anew at the version it was priced at; empty for a plain amount."""
        return await reserved_views(self._price_books, tenant_id, hold.lines_json)

    async def lines_of_holds(
        self, tenant_id: UUID, account_id: UUID, hold_ids: Sequence[int]
    ) -> Mapping[int, tuple[LineView, ...]]:
        """As `hold_lines` for several holds in one read."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(statement("list_hold_lines"), account_id, list(hold_ids))
        return await views_of_holds(self._price_books, tenant_id, {row["hold_id"]: row["lines"] for row in found})

    async def hold_captures(self, tenant_id: UUID, account_id: UUID, hold: Hold) -> tuple[CaptureView, ...]:
        """What was captured, oldest first, with the steps that led to each line's cost."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(statement("list_captured_lines"), account_id, hold.hold_id, _TOP)
        lines = [rows.read_line(tuple(row)) for row in found]
        return await captured_views(self._price_books, tenant_id, lines)

    async def latest_captures(
        self, tenant_id: UUID, account_id: UUID, hold_ids: Sequence[int], version: int
    ) -> Mapping[int, tuple[CaptureView, ...]]:
        """As `hold_captures` for several holds, up to a version of the account, in one read.

        Of each hold only its latest captures: some of LATEST_LINES lines, and the whole call that reaches beyond.
        """
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_latest_captured_lines"), account_id, list(hold_ids), version, LATEST_LINES
            )
        lines = [rows.read_line(tuple(row)) for row in found]
        return await captures_of_holds(self._price_books, tenant_id, lines)

    async def charge(self, tenant_id: UUID, account_id: UUID, hold_id: int) -> ChargeFacts | None:
        """One hold with its first captured lines and entries, and what it burned, all from one snapshot."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            row = None
            if reading is not None:
                row = await connection.fetchrow(statement("read_hold"), account_id, hold_id)
            if row is None:
                return None
            hold = rows.read_hold(tuple(row))
            lines = await connection.fetch(
                statement("list_first_captured_lines"), account_id, hold_id, EXPLAINED_LINES_MAX
            )
            burned = await connection.fetch(statement("list_burned_grants"), account_id, hold_id)
            entries = await connection.fetch(
                statement("list_hold_entries"), account_id, hold_id, hold.created_at, EXPLAINED_ENTRIES_MAX + 1
            )
        return ChargeFacts(
            hold,
            tuple(rows.read_line(tuple(line)) for line in lines),
            tuple(_burned(part) for part in burned),
            tuple(rows.read_entry(tuple(entry)) for entry in entries[:EXPLAINED_ENTRIES_MAX]),
            more_entries=len(entries) > EXPLAINED_ENTRIES_MAX,
        )

    async def grants(
        self, tenant_id: UUID, account_id: UUID, part: Slice[int], *, active_only: bool, seen: MembersSeen = EVERYONE
    ) -> Page[Grant]:
        """Newest first, keyed by grant id. Active: neither ended nor expired, with tokens left."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return Page((), has_more=False)
            found = await connection.fetch(
                statement("list_grants"), account_id, _below(part), active_only, reading.now, part.first + 1, seen.only
            )
        return Page(tuple(rows.read_grant(tuple(row)) for row in found[: part.first]), len(found) > part.first)

    async def count_grants(
        self, tenant_id: UUID, account_id: UUID, *, active_only: bool, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `grants` lists in all."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return 0
            return int(
                await connection.fetchval(statement("count_grants"), account_id, active_only, reading.now, seen.only)
            )

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
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return Page((), has_more=False)
            found = await connection.fetch(
                statement("list_holds"), account_id, _below(part), state, part.first + 1, seen.only
            )
        return Page(tuple(rows.read_hold(tuple(row)) for row in found[: part.first]), len(found) > part.first)

    async def count_holds(
        self, tenant_id: UUID, account_id: UUID, *, state: HoldState | None, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `holds` lists in all."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return 0
            return int(await connection.fetchval(statement("count_holds"), account_id, state, seen.only))

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
        """In one order or the other, keyed by version.

        Versions are given under the account's lock, so that none appears below one that was seen: who reads the oldest
        first misses nothing, whoever writes meanwhile.
        """
        name, below = "list_entries", _below(part)
        if order is EntryOrder.OLDEST_FIRST:
            name, below = "list_entries_upwards", _TOP
            wanted = replace(wanted, after_version=max(wanted.after_version or 0, part.after or 0))
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return Page((), has_more=False)
            found = await connection.fetch(
                statement(name),
                account_id,
                below,
                *_filters(wanted),
                part.first + 1,
                wanted.member_id,
                seen.only,
            )
        return Page(tuple(rows.read_entry(tuple(row)) for row in found[: part.first]), len(found) > part.first)

    async def count_entries(
        self, tenant_id: UUID, account_id: UUID, wanted: EntryFilter, *, seen: MembersSeen = EVERYONE
    ) -> int:
        """How many `entries` lists in all."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return 0
            filters = (*_filters(wanted), wanted.member_id, seen.only)
            return int(await connection.fetchval(statement("count_entries"), account_id, *filters))

    async def alert_settings(self, tenant_id: UUID, account_id: UUID) -> Alerting | None:
        """The thresholds of the account, as they are by default where it has set none."""
        reading = await self.read(tenant_id, account_id)
        return (reading.account.alerting or Alerting()) if reading is not None else None

    async def alert_event(
        self, tenant_id: UUID, account_id: UUID, event_id: int, *, seen: MembersSeen = EVERYONE
    ) -> AlertEvent | None:
        """One event."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            found = await _named_alerts(connection, account_id, (event_id,), seen) if reading is not None else ()
        return found[0] if found else None

    async def crossings(
        self, tenant_id: UUID, account_id: UUID, after: int, through: int, *, first: int, from_version: int = 0
    ) -> tuple[AlertEvent, ...]:
        """The first low-balance crossings numbered beyond `after`, through `through`, at `from_version` or later."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(statement("list_crossings"), account_id, after, through, from_version, first)
        return tuple(rows.read_alert(tuple(row)) for row in found)

    async def alert_events(
        self, tenant_id: UUID, account_id: UUID, part: Slice[int], wanted: AlertFilter
    ) -> Page[AlertEvent]:
        """Newest first, keyed by event id."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return Page((), has_more=False)
            found = await connection.fetch(
                statement("list_alert_events"), account_id, _below(part), *_of(wanted, reading.now), part.first + 1
            )
        return Page(tuple(rows.read_alert(tuple(row)) for row in found[: part.first]), len(found) > part.first)

    async def count_alert_events(self, tenant_id: UUID, account_id: UUID, wanted: AlertFilter) -> int:
        """How many `alert_events` lists in all."""
        async with self.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return 0
            return int(
                await connection.fetchval(statement("count_alert_events"), account_id, *_of(wanted, reading.now))
            )


def _burned(part: asyncpg.Record) -> BurnedPart:
    source = GrantSource(part["source"]) if part["source"] is not None else None
    return BurnedPart(part["grant_id"], source, part["captured"], part["refunded"])


async def _named_alerts(
    connection: asyncpg.Connection, account_id: UUID, event_ids: tuple[int, ...], seen: MembersSeen = EVERYONE
) -> tuple[AlertEvent, ...]:
    found = await connection.fetch(statement("list_named_alert_events"), account_id, event_ids, _named(seen))
    return tuple(rows.read_alert(tuple(row)) for row in found)


def _of(wanted: AlertFilter, now: datetime) -> tuple[object, ...]:
    return sorted(wanted.kinds) if wanted.kinds is not None else None, wanted.active_only, now, _named(wanted.seen)


def _named(seen: MembersSeen) -> list[str] | None:
    """The members as the subjects of scopes name them."""
    return None if seen.only is None else [str(member) for member in seen.only]


def _below(part: Slice[int]) -> int:
    return part.after if part.after is not None else _TOP


def _filters(wanted: EntryFilter) -> tuple[object, ...]:
    return (
        wanted.after_version or 0,
        sorted(wanted.kinds) if wanted.kinds is not None else None,
        wanted.project,
        wanted.model,
        wanted.since,
        wanted.before,
    )
