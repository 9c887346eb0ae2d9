"""What the live watcher reads of accounts: all that is watched of one account from one snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from models.database import Database
from models.ledger import rows
from models.statements import statement
from rules.ledger.alerting import Alerting
from rules.ledger.balance import POOL, BalanceSnapshot, Parts, snapshot_of
from rules.ledger.burn_down import Spender
from rules.ledger.kinds import LimitPeriod
from rules.ledger.limits import running, today_of
from rules.ledger.local_days import running_day
from rules.ledger.spending import Window
from rules.ledger.state import AccountState
from services.ledger.known_accounts import LoadedAccount
from services.ledger.live_feeds import Feeds, HoldsFeed, UsageFeed
from services.ledger.live_views import (
    CROSSINGS_KEPT_MAX,
    BalanceView,
    CrossingsEvent,
    CrossingsView,
    DayLimitView,
    StateEvent,
)
from services.ledger.settled_reads import AccountReading, SettledReads, due_or_midnight
from services.live.reader import AtHand, Position, Reading, Wanted
from services.live.view import Event, View
from services.price_books import PriceBookUnreadable


class LiveReads:
    """The reader of `services.live`: one statement for the account's row, one more for each kind of other rows wanted.

    To add a view, add it with its event to `live_views`; have `_Seen.event` make the event; and read what that needs
    once for all views of the kind, in `_read`, from the connection given: it is the snapshot of the account's row, with
    everything settled that was due.
    """

    def __init__(self, database: Database, reads: SettledReads) -> None:
        self._database = database
        self._reads = reads
        self._daily_limits: dict[UUID, tuple[int, int | None]] = {}
        """Of each tenant that is watched: the version of its price book that was last seen in force, and what that
        allows an account a day."""

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        """The account as each of these views shows it; None when the tenant has no such account."""
        async with self._reads.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return None
            seen = await _read(connection, reading, wanted)
        if reading.book is not None:
            self._daily_limits[tenant_id] = reading.book.version, reading.daily_limit
        events = {view: _coming_after(wish.before, seen.event(view, wish)) for view, wish in wanted.items()}
        return _as_shown(reading, events)

    def announcement(self, committed: LoadedAccount) -> tuple[UUID, int, AtHand]:
        """What the hub is told of an account that a batch has changed; made out only where somebody watches it."""
        account = committed.state.account
        return account.account_id, account.version, partial(self._at_hand, committed)

    def _at_hand(
        self, committed: LoadedAccount, tenant_id: UUID, wanted: Mapping[View[Event], Wanted]
    ) -> Reading | None:
        reading = self._reads.at_hand(tenant_id, committed)
        if reading is None:
            return None
        events: dict[View[Event], Event] = {}
        for view, wish in wanted.items():
            event = _event_at_hand(reading, view, wish)
            if event is None:
                return None
            events[view] = event
        return _as_shown(reading, events)

    async def positions(self, accounts: Sequence[UUID]) -> Mapping[UUID, Position]:
        """Where these accounts stand, in one query that settles nothing; unknown ones are left out."""
        async with self._database.spanning_reader() as connection:
            found = await connection.fetch(statement("list_positions"), list(accounts))
        if not accounts:
            # Who asks of none, to hear whether the database answers, says nothing of who is watched.
            return {}
        limits = await self._limits_of({row["tenant_id"]: row["book_version"] for row in found})
        return {row["account_id"]: _position(row, limits.get(row["tenant_id"])) for row in found}

    async def _limits_of(self, versions: Mapping[UUID, int | None]) -> Mapping[UUID, int | None]:
        """What these versions of tenants' price books allow an account a day, looked up where another one was seen.

        Whoever is watched was read before, so that only publications make it wait.
        """
        seen = self._daily_limits
        for tenant_id in seen.keys() - versions.keys():
            del seen[tenant_id]
        limits: dict[UUID, int | None] = {}
        for tenant_id, version in versions.items():
            known = seen.get(tenant_id) if version is not None else None
            if version is not None and (known is None or known[0] != version):
                try:
                    known = version, await self._reads.daily_limit_of(tenant_id, version)
                except PriceBookUnreadable:
                    # A fault of one tenant's, which its reads tell of; the others are still to be compared.
                    known = version, None
                seen[tenant_id] = known
            limits[tenant_id] = None if known is None else known[1]
        return limits


class _Besides(NamedTuple):
    """What an account's views show besides what its version says."""

    window_starts_at: datetime
    """Of the day that limits are counted by."""
    day_starts_at: datetime
    """Of the day that usage is counted by, which after a change of the time zone is another for a while."""
    daily_limit: int | None
    """The account's own, else the price book's."""


def _besides(time_zone: str, counted: Window, now: datetime, daily_limit: int | None) -> tuple[_Besides, datetime]:
    """And when it changes by itself. `counted`: the window that the account's latest day is counted in."""
    window, day = running(LimitPeriod.DAY, counted, time_zone, now), running_day(time_zone, now)
    limit = daily_limit if counted.limit is None else counted.limit
    return _Besides(window.starts_at, day.starts_at, limit), min(window.ends_at, day.ends_at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """All rows of one account that its views are made from."""

    reading: AccountReading
    state: AccountState
    """With the scopes of the members that are wanted."""
    of_members: Mapping[UUID, list[asyncpg.Record]]
    """What is assigned to each member that is wanted, by when it expires."""
    of_projects: Mapping[str, list[asyncpg.Record]]
    crossings: CrossingsEvent | None
    feeds: Feeds

    def event(self, view: View[Any], wish: Wanted) -> Event:
        """What the view shows."""
        match view:
            case BalanceView(spender):
                return StateEvent(self._balance(spender), was_reset=self.reading.was_reset)
            case DayLimitView(member_id):
                reading = self.reading
                today = today_of(self.state, member_id, reading.now, reading.daily_limit, reading.daily_limit_since)
                return StateEvent(today, was_reset=reading.was_reset)
            case CrossingsView() if self.crossings is not None:
                return self.crossings
            case UsageFeed() | HoldsFeed():
                return self.feeds.event(view, wish.before)
            case _:
                raise LookupError(f"no reader knows {view}")

    def _balance(self, spender: Spender) -> BalanceSnapshot:
        reading, pool = self.reading, self.reading.balance
        expiring: defaultdict[datetime, int] = defaultdict(int)
        if pool.expiring_at is not None:
            expiring[pool.expiring_at] = pool.expiring_amount
        own_left = own_held = 0
        for part in self._owned_by(spender):
            own_left += part["remaining"]
            own_held += part["held"]
            if part["expires_at"] is not None:
                expiring[part["expires_at"]] += part["remaining"] - part["held"]
        expiring_at = min(expiring, default=None)
        # The pool's own balance leaves all that is assigned to others.
        account = reading.account
        others_left = account.total - pool.total - own_left
        others_held = account.held - pool.held - own_held
        return snapshot_of(
            account,
            expiring[expiring_at] if expiring_at is not None else 0,
            expiring_at,
            today_of(self.state, spender.member_id, reading.now, reading.daily_limit, reading.daily_limit_since),
            spender,
            Parts(others_left, others_held, own_left),
        )

    def _owned_by(self, spender: Spender) -> Iterator[asyncpg.Record]:
        if spender.member_id is not None:
            yield from self.of_members.get(spender.member_id, ())
        if spender.project is not None:
            for part in self.of_projects.get(spender.project, ()):
                if part["member_id"] is None or part["member_id"] != spender.member_id:
                    yield part


def _as_shown(reading: AccountReading, events: Mapping[View[Event], Event]) -> Reading:
    account = reading.account
    counted = account.spending.day if account.spending is not None else Window()
    besides, day_ends_at = _besides(account.time_zone, counted, reading.now, reading.daily_limit)
    due_in_seconds = due_or_midnight(reading.due_in_seconds, reading.now, day_ends_at)
    return Reading(reading.version, reading.as_of, due_in_seconds, events, besides)


def _coming_after(before: Event | None, event: Event) -> Event:
    """The event, or one a microsecond after the one shown before, where it shows something else in the same place.

    A price book may come into force at the very time of an entry, and be known here a second late: then its limit is
    shown after the one before it all the same.
    """
    if not (isinstance(event, StateEvent) and isinstance(before, StateEvent)):
        return event
    if before.version != event.version or event.order > before.order:
        return event
    shown_at = before.state.as_of
    if event.dated(shown_at).repeats(before):
        return event
    return event.dated(shown_at + timedelta(microseconds=1))


def _event_at_hand(reading: AccountReading, view: View[Any], wish: Wanted) -> Event | None:
    """What the view shows; None where that needs what a batch has not, or has only for some of its commands."""
    match view:
        case BalanceView(spender) if spender == POOL:
            return StateEvent(reading.balance, was_reset=reading.was_reset)
        case DayLimitView(None):
            return StateEvent(reading.balance.today, was_reset=reading.was_reset)
        case CrossingsView() if isinstance(wish.before, CrossingsEvent):
            through = (reading.account.alerting or Alerting()).events
            if through != wish.before.through:
                return None
            return CrossingsEvent(
                reading.account.account_id, reading.version, reading.as_of, after=through, through=through
            )
        case _:
            return None


async def _read(connection: asyncpg.Connection, reading: AccountReading, wanted: Mapping[View[Event], Wanted]) -> _Seen:
    account, spenders, crossings = reading.account, set[Spender](), None
    for view, wish in wanted.items():
        match view:
            case BalanceView(spender):
                spenders.add(spender)
            case DayLimitView(member_id):
                spenders.add(Spender(member_id))
            case CrossingsView():
                crossings = await _crossings(connection, reading, wish)
            case _:
                pass
    members = sorted({spender.member_id for spender in spenders if spender.member_id is not None})
    projects = sorted({spender.project for spender in spenders if spender.project is not None})
    scopes = {}
    if members:
        found = await connection.fetch(
            statement("list_member_scopes"), account.account_id, [str(member) for member in members]
        )
        scopes = {rows.read_scope(row["scope"], row["subject"]): rows.read_spending(row["spending"]) for row in found}
    of_members: defaultdict[UUID, list[asyncpg.Record]] = defaultdict(list)
    of_projects: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
    if account.assigned > 0 and (members or projects):
        for part in await connection.fetch(
            statement("list_assigned_parts"), account.account_id, members, projects, reading.now
        ):
            if part["member_id"] is not None:
                of_members[part["member_id"]].append(part)
            if part["project"] is not None:
                of_projects[part["project"]].append(part)
    feeds = await Feeds.read(connection, reading, wanted)
    return _Seen(reading, AccountState(account, scopes=scopes), of_members, of_projects, crossings, feeds)


async def _crossings(connection: asyncpg.Connection, reading: AccountReading, wish: Wanted) -> CrossingsEvent:
    """What was crossed since the event before, and what is still crossed for those who join."""
    account = reading.account
    alerting = account.alerting or Alerting()
    through, before = alerting.events, wish.before
    after = before.through if isinstance(before, CrossingsEvent) else through
    crossed: list[asyncpg.Record] = []
    if through > after:
        crossed = await connection.fetch(
            statement("list_crossings"), account.account_id, after, through, 0, CROSSINGS_KEPT_MAX + 1
        )
    first = None
    if wish.joins:
        still_crossed: list[asyncpg.Record] = []
        if alerting.crossed:
            still_crossed = await connection.fetch(
                statement("list_named_alert_events"), account.account_id, list(alerting.crossed.values()), None
            )
        snapshot = tuple(rows.read_alert(tuple(row)) for row in still_crossed)
        first = CrossingsEvent(
            account.account_id, reading.version, reading.as_of, after=through, through=through, snapshot=snapshot
        )
    return CrossingsEvent(
        account.account_id,
        reading.version,
        reading.as_of,
        after=after,
        through=through,
        crossings=[rows.read_alert(tuple(row)) for row in crossed],
        first=first,
    )


def _position(row: asyncpg.Record, daily_limit: int | None) -> Position:
    """From list_positions.sql, with the same in it as in a Reading."""
    counted, now = Window(row["day_limit"], row["day_starts_at"], row["day_ends_at"]), row["observed_at"]
    besides, day_ends_at = _besides(row["time_zone"], counted, now, daily_limit)
    return Position(row["version"], due_or_midnight(row["due_in_seconds"], now, day_ends_at), besides)
