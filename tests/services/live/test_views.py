"""Subscribers of one account who want different things of it are served by the same reads."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest

from services.live.audience import Audience
from services.live.pace import Pace
from services.live.subscriber import Subscriber
from services.live.view import Event
from services.live.watcher import Watcher
from tests.patience import eventually
from tests.services.live.accounts_table import TENANT, AccountsTable, Growth, GrowthView, Shown, StateView
from tests.services.live.display import Display

START = datetime(2026, 1, 1, tzinfo=UTC)
GROWTH = GrowthView()
ANNA, BEN = StateView("Anna"), StateView("Ben")


@pytest.fixture
async def watcher(accounts: AccountsTable) -> AsyncIterator[Watcher]:
    async with Watcher(accounts, healing_seconds=None) as watcher:
        yield watcher


def grown(display: Display) -> list[int]:
    """Every version that a display of growth was told of, from its beginning on."""
    start, *later = display.shown
    told = list(range(start.after + 1, start.version + 1))
    for event in later:
        told += range(event.after + 1, event.version + 1)
    return told


async def test_one_read_per_change_serves_every_view_and_each_view_is_one_object(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with AsyncExitStack() as stack:
        displays = {
            view: [await stack.enter_async_context(Display(watcher, account, view=view)) for _ in range(30)]
            for view in (ANNA, BEN, GROWTH)
        }
        for display in (display for group in displays.values() for display in group):
            await display.shows(1)
        accounts.reads.clear()
        accounts.wanted.clear()

        version = await accounts.commit(account)
        watcher.changed(account, version)
        for display in (display for group in displays.values() for display in group):
            await display.shows(version)

    assert accounts.reads[account] == 1
    assert [set(wanted) for wanted in accounts.wanted] == [{ANNA, BEN, GROWTH}]
    for group in displays.values():
        assert len({id(display.shown[-1]) for display in group}) == 1
    assert [displays[view][0].shown[-1].seen_by for view in (ANNA, BEN)] == ["Anna", "Ben"]


async def test_only_what_somebody_still_wants_is_read(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account, view=ANNA) as display:
        async with Display(watcher, account, view=BEN) as other:
            await display.shows(1)
            await other.shows(1)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(2)

    assert set(accounts.wanted[-1]) == {ANNA}


async def test_a_view_that_comes_while_a_read_runs_is_read_for_itself(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    accounts.read_seconds = 0.2
    async with Display(watcher, account, view=ANNA) as first:
        await eventually(lambda: accounts.reading_now[account] == 1)
        async with Display(watcher, account, view=BEN) as second, Display(watcher, account, view=GROWTH) as third:
            for display in (first, second, third):
                await display.shows(1)

    assert [set(wanted) for wanted in accounts.wanted] == [{ANNA}, {ANNA, BEN, GROWTH}]
    assert first.versions == [1]
    assert third.shown[0].joined_at == 1


async def test_those_who_come_one_by_one_are_shown_one_object(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        async with Display(watcher, account) as latecomer:
            await latecomer.shows(1)

    assert latecomer.shown[0] is display.shown[0]
    assert accounts.reads[account] == 2


async def test_what_adds_up_is_neither_lost_nor_doubled_whoever_joins_when(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    accounts.read_seconds = 0.01
    displays: list[Display] = []

    async def commit_often() -> None:
        for _ in range(60):
            version = await accounts.commit(account)
            watcher.changed(account, version)
            await asyncio.sleep(0.003)

    async with AsyncExitStack() as stack:
        committing = [asyncio.create_task(commit_often()) for _ in range(4)]
        for _ in range(25):
            displays.append(await stack.enter_async_context(Display(watcher, account, view=GROWTH)))
            await asyncio.sleep(0.02)
        await asyncio.gather(*committing)
        for display in displays:
            await display.shows(241)

    for display in displays:
        start = display.shown[0].joined_at
        assert start is not None
        assert grown(display) == list(range(start + 1, 242))
        display.assert_strictly_rising()
    assert len({display.shown[0].joined_at for display in displays}) > 3, "they joined at different reads"


async def test_a_client_that_does_not_take_what_adds_up_is_told_the_sum(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with (
        watcher.watch(TENANT, account, GROWTH) as stalled,
        watcher.watch(TENANT, account, GROWTH) as also_stalled,
        Display(watcher, account, view=GROWTH) as display,
    ):
        taken, also_taken = await anext(stalled), await anext(also_stalled)
        for version in range(2, 8):
            watcher.changed(account, await accounts.commit(account))
            await display.shows(version)
        late, also_late = await anext(stalled), await anext(also_stalled)

    assert taken is also_taken
    assert (late.after, late.version, late.joined_at) == (1, 7, None)
    assert late is also_late, "what was conflated is made once for all that are as late"


async def test_the_beginning_that_was_not_taken_is_not_lost_by_what_follows(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=3)
    async with (
        watcher.watch(TENANT, account, GROWTH) as stalled,
        Display(watcher, account, view=GROWTH) as display,
    ):
        await display.shows(3)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(4)
        event = await anext(stalled)

    assert (event.joined_at, event.after, event.version) == (3, 3, 4)


async def test_a_read_that_fails_loses_nothing_of_what_adds_up(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account, view=GROWTH) as display:
        await display.shows(1)
        accounts.fails = True
        watcher.changed(account, await accounts.commit(account))
        await asyncio.sleep(0.3)
        await accounts.commit(account)
        accounts.fails = False
        await display.shows(3)

    assert grown(display) == [2, 3]


async def test_a_view_that_nobody_wanted_for_a_while_begins_anew(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as keeping:
        async with Display(watcher, account, view=GROWTH) as display:
            await display.shows(1)
        watcher.changed(account, await accounts.commit(account))
        await keeping.shows(2)
        async with Display(watcher, account, view=GROWTH) as again:
            await again.shows(2)

    assert (again.shown[0].joined_at, again.shown[0].after) == (2, 2)


async def test_a_reader_that_forgets_a_view_is_asked_again(
    accounts: AccountsTable, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    account = await accounts.open(version=1)
    accounts.forgets = GROWTH
    async with Display(watcher, account, view=GROWTH) as display:
        await eventually(lambda: accounts.reads[account] >= 2)
        assert display.shown == []
        accounts.forgets = None
        await display.shows(1)

    assert "nothing was read for" in caplog.text


async def test_nobody_is_taken_back_and_who_joins_is_shown_no_less(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=5)
    async with Display(watcher, account) as display:
        await display.shows(5)
        await accounts.set_version(account, 4)
        async with Display(watcher, account) as latecomer:
            await latecomer.shows(5)

    assert display.versions == [5]
    assert latecomer.shown[0] is display.shown[0]


async def test_a_view_that_cannot_be_shown_keeps_nothing_from_the_others(
    accounts: AccountsTable, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = await accounts.open(version=1)
    show = Audience.show

    def show_or_fail(audience: Audience, event: Event, reads_begun: int) -> None:
        if isinstance(event, Growth):
            raise ArithmeticError
        show(audience, event, reads_begun)

    monkeypatch.setattr(Audience, "show", show_or_fail)
    async with Display(watcher, account, view=GROWTH) as broken, Display(watcher, account, view=ANNA) as display:
        await display.shows(1)
        version = await accounts.commit(account)
        watcher.changed(account, version)
        await display.shows(version)

    assert broken.shown == []
    assert "showing GrowthView failed" in caplog.text


def test_an_event_is_put_into_its_shown_form_once() -> None:
    event = Shown(1, START)
    made: list[Shown] = []

    def show(given: Shown) -> list[int]:
        made.append(given)
        return [given.version]

    assert event.shown_as(show) is event.shown_as(show)
    assert made == [event]


def test_a_chain_of_untaken_events_keeps_no_event_alive() -> None:
    untaken = Growth(1, START, 0)
    for version in range(2, 50):
        untaken = Growth(version, START + timedelta(seconds=version), version - 1).conflated(untaken)

    assert (untaken.after, untaken.version) == (0, 49)
    assert untaken._conflated is None


class Weighed(Event):
    """An event whose end can be noticed, and that is told together with those before it."""

    def repeats(self, told: Event) -> bool:
        return False

    def following(self, untaken: Self) -> Self:
        return type(self)(self.version, self.as_of)


async def test_events_that_were_not_taken_are_not_kept_by_those_that_came_after() -> None:
    audience = Audience()
    late: list[Subscriber[Weighed]] = [Subscriber(None, Pace(1, 0.0)) for _ in range(2)]
    for subscriber in late:
        audience.join(subscriber, 0)
    shown: list[weakref.ref[Weighed]] = []
    for version in range(1, 50):
        event = Weighed(version, START)
        shown.append(weakref.ref(event))
        audience.show(event, 1)
        del event
        # In turns, so that each is one behind when the next one comes.
        await anext(late[version % 2])
    gc.collect()

    assert sum(event() is not None for event in shown) <= 3
