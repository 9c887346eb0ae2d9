"""Usage and holds as they are watched, from the writer to who listens: once, in order, at its pace and instant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.ledger.burn_down import Spender
from rules.ledger.commands import AdjustAccount, Refund
from rules.ledger.hold_events import HoldsEvent, HoldsView
from rules.ledger.kinds import HoldState, Mutation
from rules.ledger.local_days import local_day_of
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import NOTHING, Sums, UsageEvent, UsageView, sum_of
from services.ledger.known_accounts import LoadedAccount
from services.ledger.live_feeds import FeedEvent, HoldsFeed, UsageFeed
from services.ledger.live_reads import LiveReads
from services.ledger.live_views import BalanceView
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.live.pace import Pace
from services.live.reader import Reading, Wanted
from services.live.view import Event, View
from services.live.watcher import Watcher
from services.price_books import PriceBooks
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, a_key, held, move_clock, rows_of
from tests.services.ledger.test_live_reads import counted

USAGE, HOLDS = UsageFeed(UsageView()), HoldsFeed(HoldsView())


class UnsteadyReads(LiveReads):
    """A reader whose answers are sometimes lost after they were read."""

    lost_of_ten = 0
    lost = 0

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        reading = await super().read(tenant_id, account_id, wanted)
        if wanted and Random(self.lost + (reading.version if reading else 0)).randrange(10) < self.lost_of_ten:
            self.lost += 1
            raise DatabaseUnavailable("the answer was lost")
        return reading


@dataclass
class Office:
    """A cashier whose commits are told to a watcher of the same process."""

    cashier: Cashier
    reader: UnsteadyReads
    watcher: Watcher


@pytest.fixture
async def office(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Office]:
    def announce(committed: LoadedAccount) -> None:
        watcher.changed(*reader.announcement(committed))

    async with Writer(database, announce=announce) as writer:
        reader = UnsteadyReads(database, LedgerReads(database, writer, PriceBooks(database)))
        async with Watcher(reader) as watcher:
            yield Office(Cashier(writer, (await a_tenant()).id), reader, watcher)


@dataclass
class Listener:
    """Takes events at once, or dawdles; remembers when it took them."""

    dawdles_seconds: tuple[float, ...] = (0.0,)
    told: list[Any] = field(default_factory=list)
    taken_at: list[float] = field(default_factory=list)
    events: list[FeedEvent[Any]] = field(default_factory=list)

    async def listen(self, office: Office, account: Any, view: View[Any], pace: Pace | None = None) -> None:
        chance = Random(len(self.dawdles_seconds))
        async with office.watcher.watch(office.cashier.tenant_id, account, view, pace=pace) as events:
            async for event in events:
                self.events.append(event)
                self.told.append(event.told)
                self.taken_at.append(asyncio.get_running_loop().time())
                await asyncio.sleep(chance.choice(self.dawdles_seconds))

    @property
    def orders(self) -> list[tuple[int, datetime]]:
        return [(event.version, event.as_of) for event in self.events]


def added_up(told: list[UsageEvent]) -> dict[UsageKey, Sums]:
    whole: dict[UsageKey, Sums] = {}
    for event in told:
        for key, sums in event.added.rows.items():
            whole[key] = whole.get(key, NOTHING).plus(sums)
    return whole


async def test_everybody_is_told_of_each_capture_once_however_late_they_take_it(
    database: Database, office: Office
) -> None:
    cashier, office.reader.lost_of_ten = office.cashier, 2
    account = await cashier.open(tokens=1_000_000)
    (anna,) = await cashier.add_members(account, "anna")
    one = UsageFeed(UsageView(anna))
    listeners: list[tuple[View[Any], Listener]] = []
    async with AsyncExitStack() as stack:

        def listens(view: View[Any], *dawdles: float) -> None:
            listener = Listener(dawdles or (0.0,))
            pace = Pace(1, 1.0) if isinstance(view, UsageFeed) and not dawdles else None
            task = asyncio.create_task(listener.listen(office, account, view, pace))
            stack.callback(task.cancel)
            listeners.append((view, listener))

        for view in (USAGE, one, HOLDS):
            listens(view)
            listens(view, 0.0, 0.3, 0.9)
        chance = Random(47)
        for step in range(120):
            spender = {"member_id": chance.choice((None, anna)), "project": chance.choice((None, "film"))}
            hold = await cashier.hold(account, 9, **spender)
            held(await cashier.commit(account, hold, chance.randint(1, 9)))
            if chance.random() < 0.3:
                key = a_key(Mutation.REFUND)
                refund = Refund(cashier.tenant_id, account, key, hold, 1, "it was blurred", b"salt")
                held(await cashier.writer.submit(refund))
            if step % 40 == 20:
                listens(chance.choice((USAGE, one, HOLDS)), 0.0, 0.2)
            await asyncio.sleep(0.02)
        # The last is everybody's.
        held(await cashier.commit(account, await cashier.hold(account, 9, member_id=anna)))
        last = await office.reader.read(cashier.tenant_id, account, {})
        assert last is not None

        for _, listener in listeners:

            def caught_up(listener: Listener = listener) -> bool:
                return bool(listener.told) and listener.told[-1].version == last.version

            await eventually(caught_up)
        await asyncio.sleep(1.2)

    assert office.reader.lost > 2
    for view, listener in listeners:
        assert listener.orders == sorted(set(listener.orders))
        assert [told.snapshot for told in listener.told[:2]] == [True, False]
        if isinstance(view, HoldsFeed):
            ended = {hold.hold_id for told in listener.told for hold in told.holds if hold.state is HoldState.COMMITTED}
            assert len(ended) > 60
            assert listener.told[-1].open.number == 0
            continue
        journaled = await rows_of(
            database,
            "SELECT sum(m.charged)::bigint AS charged, sum(m.refunded)::bigint AS refunded FROM ("
            " SELECT amount AS charged, 0 AS refunded FROM captured_line WHERE account_id = $1 AND version > $2"
            "    AND ($3::uuid IS NULL OR member_id = $3)"
            " UNION ALL SELECT 0, r.amount FROM refunded_line r JOIN captured_line l"
            "    ON l.account_id = r.account_id AND l.version = r.line"
            "  WHERE r.account_id = $1 AND r.version > $2 AND ($3::uuid IS NULL OR l.member_id = $3)) m",
            account,
            listener.told[0].version,
            view.of.member_id if isinstance(view, UsageFeed) else None,
        )
        told = sum_of(added_up(listener.told[1:]).values())
        assert [(told.charged, told.refunded)] == [tuple(row) for row in journaled]
    paced = listeners[0][1]
    gaps = [later - earlier for earlier, later in zip(paced.taken_at, paced.taken_at[1:], strict=False)]
    assert len(paced.told) >= 4
    assert min(gaps) > 0.999, "once a second at most"


async def test_who_listens_alike_is_given_the_same_object(office: Office) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    listeners = [Listener() for _ in range(10)]
    tasks = [asyncio.create_task(listener.listen(office, account, HOLDS)) for listener in listeners]
    try:
        for listener in listeners:
            await eventually(lambda listener=listener: len(listener.events) == 1)
        await cashier.hold(account, 1)
        for listener in listeners:
            await eventually(lambda listener=listener: len(listener.events) == 2)
    finally:
        for task in tasks:
            task.cancel()

    assert len({id(listener.events[1]) for listener in listeners}) == 1


async def test_a_hold_that_expires_is_told_at_its_instant(office: Office) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 5, ttl_seconds=1)
    listener = Listener()
    task = asyncio.create_task(listener.listen(office, account, HOLDS))
    try:
        await eventually(lambda: len(listener.told) == 2)
    finally:
        task.cancel()

    before, after = listener.told
    assert isinstance(before, HoldsEvent)
    assert [(row.hold_id, row.state) for row in before.holds] == [(hold, HoldState.OPEN)]
    assert [(row.hold_id, row.state) for row in after.holds] == [(hold, HoldState.EXPIRED)]
    assert (after.open.number, after.open.held) == (0, 0)
    assert after.as_of == before.holds[0].expires_at


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
async def test_a_day_begins_for_those_who_watch_although_nothing_happens(
    database: Database, office: Office, zone: str
) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    # The window of limits goes on by its own instants; usage is counted by the day of the new zone.
    held(await cashier.commit(account, await cashier.hold(account, 7)))
    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, zone))
    now = (await rows_of(database, "SELECT clock_timestamp() AS now"))[0]["now"]
    day = local_day_of(zone, now)
    await move_clock(database, cashier.tenant_id, (day.ends_at - now).total_seconds() - 1.5)
    held(await cashier.commit(account, await cashier.hold(account, 5)))
    listener = Listener()
    task = asyncio.create_task(listener.listen(office, account, USAGE))
    try:
        await eventually(lambda: len(listener.told) == 2)
    finally:
        task.cancel()

    before, after = listener.told
    assert before.snapshot
    assert before.position.day == day
    assert before.today.charged in (5, 12)
    assert not after.snapshot
    assert (after.version, after.as_of) == (before.version, day.ends_at)
    assert after.today == NOTHING
    assert after.added.is_empty
    assert after.position.day.day > day.day


async def test_another_time_zone_is_another_day_with_its_own_sums(database: Database, office: Office) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    # A whole day apart at any time of the year.
    there, here = "Pacific/Kiritimati", "Pacific/Honolulu"
    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, there))
    held(await cashier.commit(account, await cashier.hold(account, 5)))
    listener = Listener()
    task = asyncio.create_task(listener.listen(office, account, USAGE))
    try:
        await eventually(lambda: len(listener.told) == 1)
        await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, here))
        await eventually(lambda: len(listener.told) == 2)
        await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, there))
        await eventually(lambda: len(listener.told) == 3)
    finally:
        task.cancel()

    assert [told.today.charged for told in listener.told] == [5, 0, 5]
    days = [told.position.day.day for told in listener.told]
    assert days[0] == days[2] == days[1] + timedelta(days=1)


async def test_what_is_nothing_to_a_view_is_not_told_and_not_read_again(office: Office) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    (anna,) = await cashier.add_members(account, "anna")
    of_anna = HoldsFeed(HoldsView(anna))
    views: tuple[View[Any], ...] = (USAGE, of_anna)

    async def read(before: dict[View[Any], Any]) -> tuple[int, dict[View[Any], Any]]:
        wanted = {view: Wanted(before.get(view), joins=view not in before) for view in views}
        reading = await office.reader.read(cashier.tenant_id, account, wanted)
        assert reading is not None
        return reading.version, dict(reading.events)

    _, first = await read({})
    await cashier.hold(account, 5)
    version, second = await read(first)

    assert second == first, "the same objects: nobody is woken"
    for view in views:
        assert second[view].known.version == version, "so that the next read begins there"
        assert second[view].first is second[view].first
        assert second[view].first.version == version
        assert second[view].version < version
    await cashier.hold(account, 5, member_id=anna)
    _, third = await read(second)
    assert third[USAGE] is first[USAGE]
    assert [hold.member_id for hold in third[of_anna].told.holds] == [anna]


async def test_what_nobody_watches_is_not_read(
    database: Database, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    cashier = office.cashier
    account = await cashier.open(tokens=100)
    of_feeds = [
        statement(name)
        for name in ("list_captures_since", "sum_usage_of_views", "list_changed_holds", "list_open_holds")
    ]
    views = {
        "balance": [BalanceView(Spender())],
        "usage": [UsageFeed(UsageView(project=f"project {number}")) for number in range(30)],
        "holds": [HOLDS],
    }
    read: dict[str, list[int]] = {}
    for name, wanted in views.items():
        before: dict[Any, Any] = {}
        for _ in range(2):
            await cashier.hold(account, 1)
            async with counted(database, monkeypatch) as snapshots:
                wishes = {view: Wanted(before.get(view), joins=view not in before) for view in wanted}
                reading = await office.reader.read(cashier.tenant_id, account, wishes)
                assert reading is not None
                before = dict(reading.events)
            (statements,) = snapshots
            read.setdefault(name, []).extend(of_feeds.index(text) for text in statements if text in of_feeds)

    assert read == {"balance": [], "usage": [1, 0], "holds": [3, 2]}
