"""What this process has committed itself is shown without a read, and never in place of one that is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from services.live.audience import Audience
from services.live.reader import Reading, Wanted
from services.live.view import Event, View
from services.live.watched_account import WatchedAccount
from services.live.watcher import Watcher
from tests.patience import eventually
from tests.services.live.accounts_table import STATE, TENANT, AccountsTable, GrowthView, Shown, StateView
from tests.services.live.display import HEALED_WITHIN_SECONDS, Display


@pytest.fixture
async def watcher(accounts: AccountsTable) -> AsyncIterator[Watcher]:
    async with Watcher(accounts, healing_seconds=None) as watcher:
        yield watcher


class Commit:
    """The account as a commit of this process left it; has at hand what states show."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.asked = 0
        self.asked_at_seconds = 0.0
        self.fails = False

    def __call__(self, tenant_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        self.asked += 1
        self.asked_at_seconds = asyncio.get_running_loop().time()
        if self.fails:
            raise ArithmeticError
        if tenant_id != TENANT or not all(isinstance(view, StateView) for view in wanted):
            return None
        version, as_of = self.reading.version, self.reading.as_of
        events: dict[View[Event], Event] = {
            view: Shown(version, as_of, seen_by=view.seen_by) for view in wanted if isinstance(view, StateView)
        }
        return Reading(version, as_of, self.reading.due_in_seconds, events)


async def commit(accounts: AccountsTable, account: UUID) -> Commit:
    await accounts.commit(account)
    reading = await accounts.read(TENANT, account, {})
    assert reading is not None
    accounts.reads[account] -= 1
    return Commit(reading)


async def change(accounts: AccountsTable, watcher: Watcher, account: UUID) -> int:
    """Commits, and tells the watcher with the account at hand."""
    at_hand = await commit(accounts, account)
    watcher.changed(account, at_hand.reading.version, at_hand)
    return at_hand.reading.version


async def test_a_change_at_hand_is_shown_to_all_without_a_read(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    views = (STATE, StateView("Anna"))
    async with AsyncExitStack() as stack:
        displays = [
            await stack.enter_async_context(Display(watcher, account, view=view)) for view in views for _ in range(50)
        ]
        for display in displays:
            await display.shows(1)
        accounts.reads.clear()
        version = await change(accounts, watcher, account)
        for display in displays:
            await display.shows(version)

    assert accounts.reads[account] == 0
    for group in (displays[:50], displays[50:]):
        assert len({id(display.shown[-1]) for display in group}) == 1
    assert {display.shown[-1].seen_by for display in displays} == {"anyone", "Anna"}


async def test_whoever_waits_for_the_commit_is_answered_before_it_is_shown(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with watcher.watch(TENANT, account, STATE) as events:
        await anext(events)
        taken: list[int] = []

        def take(event: Shown) -> bool:
            taken.append(event.version)
            return True

        events.hand_to(take)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        version = await change(accounts, watcher, account)
        assert taken == [], "not within the call"
        await eventually(lambda: taken == [version])
        waiting.cancel()


async def test_of_a_flood_the_last_always_comes_in_pace_and_nothing_is_read(
    accounts: AccountsTable, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await accounts.open(version=1)
    show, times = Audience.show, list[float]()

    def show_noted(audience: Audience, event: Event, reads_begun: int) -> None:
        times.append(asyncio.get_running_loop().time())
        show(audience, event, reads_begun)

    monkeypatch.setattr(Audience, "show", show_noted)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.reads.clear()
        for _ in range(100):
            version = await change(accounts, watcher, account)
            # Also by way of the bus, as every process hears of its own.
            watcher.changed(account, version)
            await asyncio.sleep(0.01)
        await display.shows(version)

    assert accounts.reads[account] == 0
    display.assert_strictly_rising()
    assert max(sum(begin <= at < begin + 1 for at in times) for begin in times) <= 10
    assert len(times) > 5


async def test_what_another_process_has_committed_since_is_read(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(3):
            await change(accounts, watcher, account)
        # The pace is used up now, so that the next one waits.
        accounts.reads.clear()
        mine = await change(accounts, watcher, account)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(mine + 1)

    assert mine not in display.versions
    assert accounts.reads[account] == 1


async def test_a_comparison_that_finds_more_has_it_read(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with Watcher(accounts) as watcher, Display(watcher, account) as display:
        await display.shows(1)
        mine = await change(accounts, watcher, account)
        await display.shows(mine)
        await accounts.commit(account)
        await display.shows(mine + 1, within_seconds=HEALED_WITHIN_SECONDS)


async def test_who_joins_is_shown_a_read_whatever_is_at_hand(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        at_hand = await commit(accounts, account)
        # Another process has gone on, and whoever joins now knows it from there.
        known = await accounts.commit(account)
        accounts.reads.clear()
        accounts.read_seconds = 0.2
        async with Display(watcher, account, since_version=known) as latecomer:
            await eventually(lambda: accounts.reading_now[account] == 1)
            watcher.changed(account, at_hand.reading.version, at_hand)
            await display.shows(known)
            next_version = await accounts.commit(account)
            watcher.changed(account, next_version)
            await latecomer.shows(next_version)

    assert latecomer.versions == [next_version]
    display.assert_strictly_rising()


async def test_what_comes_while_a_read_runs_is_shown_after_it_without_another(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.reads.clear()
        accounts.rows_read.clear()
        accounts.read_seconds = 0.2
        foreign = await accounts.commit(account)
        watcher.changed(account, foreign)
        await eventually(lambda: accounts.rows_read[account] == 1)
        accounts.read_seconds = 0.0
        mine = await change(accounts, watcher, account)
        await display.shows(mine)

    assert display.versions == [1, foreign, mine]
    assert accounts.reads[account] == 1


async def test_what_is_told_late_takes_nobody_back_and_stands_for_no_later_read(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.read_seconds = 0.2
        late = await commit(accounts, account)
        foreign = await accounts.commit(account)
        await accounts.set_due(account, seconds=0.6)
        watcher.changed(account, foreign)
        await eventually(lambda: accounts.reading_now[account] == 1)
        watcher.changed(account, late.reading.version, late)
        accounts.read_seconds = 0.0
        await display.shows(foreign)
        watcher.changed(account, late.reading.version, late)
        await display.shows(foreign + 1)

    assert display.versions == [1, foreign, foreign + 1]


async def test_who_joined_in_vain_is_still_shown_a_read_when_there_is_something_at_hand(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.fails = True
        async with Display(watcher, account, view=StateView("Anna")) as anna:
            await eventually(lambda: accounts.reads[account] >= 3)
            accounts.fails = False
            version = await change(accounts, watcher, account)
            await anna.shows(version)
            await display.shows(version)


async def test_after_a_read_that_failed_nothing_older_stands_for_it(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        mine = await commit(accounts, account)
        accounts.fails = True
        watcher.changed(account, await accounts.commit(account))
        watcher.changed(account, mine.reading.version, mine)
        await eventually(lambda: accounts.reads[account] >= 3)
        accounts.fails = False
        await display.shows(3)

    assert display.versions == [1, 3]


async def test_what_is_told_late_does_not_stand_for_a_read_that_failed_before(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        late = await commit(accounts, account)
        foreign = await accounts.commit(account)
        accounts.fails = True
        watcher.changed(account, foreign)
        await eventually(lambda: accounts.reads[account] >= 3 and accounts.reading_now[account] == 0)
        accounts.fails = False
        watcher.changed(account, late.reading.version, late)
        await display.shows(foreign, within_seconds=5)

    assert display.versions == [1, foreign]


async def test_nothing_at_hand_stands_for_a_read_of_what_has_fallen_due(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1, due_in_seconds=0.5)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.fails = True
        await eventually(lambda: accounts.reads[account] >= 3 and accounts.reading_now[account] == 0)
        version = await accounts.commit(account)
        accounts.fails = False
        shown = display.shown[-1]
        # Made before it fell due, and told of since.
        watcher.changed(account, version, Commit(Reading(version, shown.as_of, None, {})))
        await display.shows(version + 1, within_seconds=5)

    assert display.versions == [1, version + 1]


async def test_nothing_at_hand_stands_for_a_read_of_what_no_version_tells(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(4):
            await display.shows(await change(accounts, watcher, account))
        accounts.reads.clear()
        accounts.besides = "the next day"
        watcher.resync()
        # The pace is used up now, so that the read has to wait.
        await eventually(lambda: accounts.comparisons_answered == 1)
        version = await change(accounts, watcher, account)
        await display.shows(version)
        await eventually(lambda: accounts.reads[account] == 1)


async def test_once_that_was_read_what_is_at_hand_is_shown_again(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1, due_in_seconds=0.3)
    async with Display(watcher, account) as display:
        await display.shows(2)
        accounts.reads.clear()
        version = await change(accounts, watcher, account)
        await display.shows(version)

    assert accounts.reads[account] == 0


async def test_a_view_that_is_not_at_hand_has_the_account_read_for_all(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display, Display(watcher, account, view=GrowthView()) as growth:
        await display.shows(1)
        await growth.shows(1)
        accounts.reads.clear()
        version = await change(accounts, watcher, account)
        await display.shows(version)
        await growth.shows(version)

    assert accounts.reads[account] == 1


async def test_a_view_that_came_after_the_commit_is_not_passed_over(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(4):
            await change(accounts, watcher, account)
        last = await change(accounts, watcher, account)
        async with Display(watcher, account, view=StateView("Anna")) as anna:
            await anna.shows(last)
            await display.shows(last)
            later = await change(accounts, watcher, account)
            await anna.shows(later)
            await display.shows(later)


async def test_what_cannot_be_made_out_is_read(
    accounts: AccountsTable, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        at_hand = await commit(accounts, account)
        at_hand.fails = True
        watcher.changed(account, at_hand.reading.version, at_hand)
        await display.shows(at_hand.reading.version)

    assert "could not be made out" in caplog.text


async def test_what_falls_due_is_counted_from_the_commit_and_not_from_when_it_is_shown(
    accounts: AccountsTable, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm, due_at_seconds = WatchedAccount._arm_due_timer, list[float]()

    def arm_noted(watched: WatchedAccount, due_in_seconds: float | None) -> None:
        if due_in_seconds is not None:
            due_at_seconds.append(asyncio.get_running_loop().time() + due_in_seconds)
        arm(watched, due_in_seconds)

    monkeypatch.setattr(WatchedAccount, "_arm_due_timer", arm_noted)
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(4):
            await change(accounts, watcher, account)
        # Shown only when the pace allows, some 0.16 s later, with what is due then soon after.
        at_hand = await commit(accounts, account)
        await accounts.set_due(account, seconds=0.3)
        reading = at_hand.reading
        at_hand.reading = Reading(reading.version, reading.as_of, 0.3, reading.events)
        watcher.changed(account, reading.version, at_hand)
        await display.shows(reading.version + 1)

    # The timer's instant, since what is shown then may be late on a busy machine.
    assert due_at_seconds == [pytest.approx(at_hand.asked_at_seconds + 0.3, abs=0.1)]
    assert display.shown_at_seconds[-1] >= at_hand.asked_at_seconds + 0.29


async def test_an_account_that_nobody_watches_is_not_looked_at(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    at_hand = await commit(accounts, account)
    watcher.changed(account, at_hand.reading.version, at_hand)
    assert at_hand.asked == 0
