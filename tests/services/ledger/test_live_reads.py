"""What is watched of an account is read from one snapshot, as it is read when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from models.database import Database
from models.statements import statement
from rules.ledger.burn_down import Spender
from rules.ledger.commands import AdjustAccount, LimitSetting, SetLimits
from rules.ledger.kinds import LimitPeriod, LimitScope
from rules.ledger.local_days import running_day
from rules.ledger.windows import window_of
from services.ledger.live_reads import LiveReads
from services.ledger.live_views import (
    CROSSINGS_KEPT_MAX,
    BalanceView,
    CrossingsEvent,
    CrossingsView,
    DayLimitView,
    StateEvent,
)
from services.ledger.reads import LedgerReads
from services.live.reader import Reading, Wanted
from services.live.view import Event, View
from services.live.watched_account import DUE_JUMP_SECONDS
from services.price_books import PriceBooks
from services.publishing import Publishing
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import Cashier, held, move_clock
from tests.services.shop import a_source

NOTHING_BEFORE = Wanted(None, joins=True)
CROSSINGS = CrossingsView()


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


@pytest.fixture
def live_reads(database: Database, reads: LedgerReads) -> LiveReads:
    return LiveReads(database, reads)


async def read(
    live_reads: LiveReads, cashier: Cashier, account: UUID, views: Iterable[View[Any]], before: Event | None = None
) -> Reading:
    wanted = dict.fromkeys(views, Wanted(before, joins=before is None))
    reading = await live_reads.read(cashier.tenant_id, account, wanted)
    assert reading is not None
    return reading


def state_of(event: Event) -> Any:
    assert isinstance(event, StateEvent)
    return event.state


async def crossings(
    live_reads: LiveReads, cashier: Cashier, account: UUID, before: Event | None = None
) -> CrossingsEvent:
    event = (await read(live_reads, cashier, account, [CROSSINGS], before)).events[CROSSINGS]
    assert isinstance(event, CrossingsEvent)
    return event


@asynccontextmanager
async def counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[list[str]]]:
    """The statements of each snapshot of the ledger that is read meanwhile."""
    snapshots: list[list[str]] = []
    reader = database.reader

    @asynccontextmanager
    async def listening(tenant_id: UUID) -> AsyncIterator[asyncpg.Connection]:
        async with reader(tenant_id) as connection:
            statements: list[str] = []

            def note(record: Any) -> None:
                # Of the product's own: the driver asks for types, once for each connection.
                if record.query.startswith("--"):
                    statements.append(record.query)

            connection.add_query_logger(note)
            try:
                yield connection
                # Loggers are called a little later.
                await asyncio.sleep(0.01)
            finally:
                connection.remove_query_logger(note)
            if not {statement("find_price_book_in_force"), statement("read_price_book")} & set(statements):
                snapshots.append(statements)

    with monkeypatch.context() as patch:
        patch.setattr(database, "reader", listening)
        yield snapshots


async def test_every_spenders_balance_and_day_is_as_it_is_read_alone(
    database: Database, cashier: Cashier, reads: LedgerReads, live_reads: LiveReads
) -> None:
    random = Random(7)
    account = await cashier.open(tokens=10_000)
    members = await cashier.add_members(account, "anna", "ben", "carl", "dora")
    await cashier.writer.submit(
        SetLimits(
            cashier.tenant_id,
            account,
            (
                LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, None, None, 9_000),
                LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, members[0], None, 500),
                LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, None, None, 700),
            ),
        )
    )
    now = datetime.now(UTC)
    for days in (3, 9, 30):
        await cashier.grant(account, 1_000, expires_at=now.replace(year=now.year + 1, month=1, day=days))
    spenders = [Spender(), *map(Spender, members), Spender(None, "film"), Spender(members[0], "film")]
    views = [*map(BalanceView, spenders), *map(DayLimitView, [None, *members])]

    for step in range(12):
        owner = random.choice([*({"member_id": member} for member in members[:3]), {"project": "film"}])
        await cashier.assign(account, random.randint(1, 300), **owner)
        await cashier.reserve(account, random.randint(1, 40), member_id=random.choice([None, *members]))
        if step == 6:
            await cashier.assign(account, 2_000, member_id=members[0])

        reading = await read(live_reads, cashier, account, views)

        for spender in spenders:
            alone = await reads.balance(cashier.tenant_id, account, spender)
            assert state_of(reading.events[BalanceView(spender)]) == alone
        for member in (None, *members):
            statuses = await reads.limits(cashier.tenant_id, account, Spender(member))
            day = statuses[4 if member is not None else 0]
            assert day.period is LimitPeriod.DAY
            assert state_of(reading.events[DayLimitView(member)]) == day
    assert len({state_of(reading.events[BalanceView(spender)]).available for spender in spenders}) > 3


async def test_however_many_watch_it_is_one_snapshot_and_few_statements(
    database: Database, cashier: Cashier, live_reads: LiveReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await cashier.open(tokens=1_000)
    members = await cashier.add_members(account, *(f"member {number}" for number in range(50)))
    for member in members[:5]:
        await cashier.assign(account, 10, member_id=member)
    before = await crossings(live_reads, cashier, account)
    await cashier.reserve(account, 940)
    everything = [*(BalanceView(Spender(member)) for member in members), *map(DayLimitView, members), CROSSINGS]

    async with counted(database, monkeypatch) as snapshots:
        await read(live_reads, cashier, account, [BalanceView(), DayLimitView()])
    assert [len(statements) for statements in snapshots] == [1], "the account's row"

    async with counted(database, monkeypatch) as snapshots:
        reading = await read(live_reads, cashier, account, everything, before)
    assert [len(statements) for statements in snapshots] == [4], "its row, members' scopes, what is theirs, crossings"
    assert len(reading.events) == 101


async def test_an_account_of_another_tenant_is_not_read(
    cashier: Cashier, live_reads: LiveReads, a_tenant: TenantBuilder
) -> None:
    account = await cashier.open(tokens=5)
    assert await live_reads.read((await a_tenant()).id, account, {BalanceView(): NOTHING_BEFORE}) is None


async def test_a_view_that_nobody_knows_is_an_error(cashier: Cashier, live_reads: LiveReads) -> None:
    account = await cashier.open(tokens=5)
    with pytest.raises(LookupError, match="no reader knows"):
        await live_reads.read(cashier.tenant_id, account, {View(): NOTHING_BEFORE})


async def test_crossings_are_those_since_the_read_before_and_who_joins_sees_what_is_still_crossed(
    cashier: Cashier, live_reads: LiveReads
) -> None:
    account = await cashier.open(tokens=1_000)
    start = await crossings(live_reads, cashier, account)
    assert start.first is not None
    assert (start.crossings, start.first.snapshot) == ((), ())

    hold = await cashier.hold(account, 1_000)
    at_once = await crossings(live_reads, cashier, account, start)
    joined = await crossings(live_reads, cashier, account)
    assert [(event.event_id, event.threshold_percent) for event in at_once.crossings] == [(1, 20), (2, 10), (3, 0)]
    assert at_once.first is None
    assert joined.crossings == ()
    assert joined.first is not None
    assert joined.first.snapshot == at_once.crossings

    await cashier.release(account, hold)
    rearmed = await crossings(live_reads, cashier, account, at_once)
    assert rearmed.crossings == ()
    assert rearmed.repeats(at_once)
    joined_later = await crossings(live_reads, cashier, account)
    assert joined_later.first is not None
    assert joined_later.first.snapshot == ()
    assert not joined_later.repeats(joined)

    await cashier.hold(account, 850)
    again = await crossings(live_reads, cashier, account, rearmed)
    assert [(event.event_id, event.threshold_percent) for event in again.crossings] == [(4, 20)]


async def test_of_many_crossings_an_event_keeps_the_first_and_the_numbers_of_the_rest(
    cashier: Cashier, reads: LedgerReads, live_reads: LiveReads
) -> None:
    account = await cashier.open(tokens=1_000)
    start = taken_late = await crossings(live_reads, cashier, account)
    for _ in range(9):
        hold = await cashier.hold(account, 1_000)
        taken_late = (await crossings(live_reads, cashier, account, taken_late)).following(taken_late)
        assert taken_late.read_through == min(taken_late.through, CROSSINGS_KEPT_MAX), "the rest is still to be read"
        await cashier.release(account, hold)

    at_once = await crossings(live_reads, cashier, account, start)

    for event in (at_once, taken_late):
        assert [crossing.event_id for crossing in event.crossings] == list(range(1, 21))
        assert (event.after, event.read_through, event.through) == (0, 20, 27)
    rest = await reads.crossings(cashier.tenant_id, account, at_once.read_through, at_once.through, first=100)
    assert [crossing.event_id for crossing in rest] == list(range(21, 28))
    later = await reads.crossings(cashier.tenant_id, account, 0, 27, first=2, from_version=rest[-1].version)
    assert [crossing.event_id for crossing in later] == [25, 26]


async def test_positions_tell_where_accounts_stand_and_what_is_due(
    database: Database, cashier: Cashier, live_reads: LiveReads
) -> None:
    quiet, due, unknown = await cashier.open("quiet"), await cashier.open("due", tokens=5), cashier.tenant_id
    await cashier.hold(due, 1, ttl_seconds=60)

    found = await live_reads.positions([quiet, due, unknown])
    assert set(found) == {quiet, due}
    assert found[quiet].version == 0
    now = datetime.now(UTC)
    until_midnight = (window_of(LimitPeriod.DAY, now, "UTC").ends_at - now).total_seconds()
    assert abs((found[quiet].due_in_seconds or 0) - until_midnight) < 5, "the day ends"
    assert found[due].version == 2
    assert 0 < (found[due].due_in_seconds or 0) <= 60

    await move_clock(database, cashier.tenant_id, 100)
    assert ((await live_reads.positions([due]))[due].due_in_seconds or 0) < -30


async def test_who_asks_where_no_account_stands_has_no_daily_limit_looked_up_again(
    database: Database,
    cashier: Cashier,
    live_reads: LiveReads,
    a_tenant: TenantBuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As while answers are waited for: else every tenant's price book would be read when the database is back."""
    accounts, tenants = [], [cashier.tenant_id, (await a_tenant()).id]
    for tenant_id in tenants:
        await Publishing(database, PriceBooks(database)).publish(tenant_id, a_source(policies="daily_limit = 90"))
        accounts.append(await Cashier(cashier.writer, tenant_id).open(tokens=5))
    looked_up: list[UUID] = []
    daily_limit_of = LedgerReads.daily_limit_of

    async def noted(reads: LedgerReads, tenant_id: UUID, book_version: int) -> int | None:
        looked_up.append(tenant_id)
        return await daily_limit_of(reads, tenant_id, book_version)

    monkeypatch.setattr(LedgerReads, "daily_limit_of", noted)
    watched = await live_reads.positions(accounts)
    assert sorted(looked_up) == sorted(tenants)
    looked_up.clear()

    assert await live_reads.positions(()) == {}
    again = await live_reads.positions(accounts)

    assert looked_up == []
    assert [again[account].besides for account in accounts] == [watched[account].besides for account in accounts]


async def test_positions_and_readings_agree_on_what_is_due_in_whatever_time_zone_the_account_comes_to_be(
    cashier: Cashier, live_reads: LiveReads
) -> None:
    """Where they do not, the watcher takes the clock for moved and reads the account with every comparison."""
    account = await cashier.open(tokens=10)
    differences = 0
    # Due after the day has ended anywhere.
    held(await cashier.commit(account, await cashier.hold(account, 1, ttl_seconds=3 * 86_400)))
    for zone in ("Asia/Kathmandu", "America/St_Johns", "Asia/Tokyo", "Europe/Berlin", "America/Los_Angeles"):
        await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, zone))
        reading = await read(live_reads, cashier, account, [DayLimitView()])
        position = (await live_reads.positions([account]))[account]

        assert reading.due_in_seconds is not None
        assert position.due_in_seconds == pytest.approx(reading.due_in_seconds, abs=DUE_JUMP_SECONDS)
        assert position.besides == reading.besides
        day_ends_at = running_day(zone, datetime.now(UTC)).ends_at
        differences += state_of(reading.events[DayLimitView()]).resets_at > day_ends_at
    assert differences > 0, "limits go on in the day that they were in, usage is counted by the new one"
