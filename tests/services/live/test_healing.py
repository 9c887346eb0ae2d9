import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from services.live.watcher import Watcher
from tests.patience import eventually
from tests.services.live.accounts_table import AccountsTable
from tests.services.live.display import HEALED_WITHIN_SECONDS, Display


@pytest.fixture
async def watcher(accounts: AccountsTable) -> AsyncIterator[Watcher]:
    async with Watcher(accounts) as watcher:
        yield watcher


async def test_a_change_that_nobody_announced_is_shown_within_three_seconds(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for version in (2, 3):
            await accounts.commit(account)
            await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS)


async def test_one_query_compares_all_watched_accounts_and_reads_only_those_that_differ(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    opened = [await accounts.open(version=1) for _ in range(20)]
    async with AsyncExitStack() as stack:
        displays = [await stack.enter_async_context(Display(watcher, account)) for account in opened]
        for display in displays:
            await display.shows(1)
        accounts.reads.clear()
        before = accounts.comparisons
        await accounts.commit(opened[0])
        await displays[0].shows(2)

    assert accounts.reads == {opened[0]: 1}
    assert accounts.comparisons - before <= 5


async def test_the_loop_outlives_every_failure_and_tells_it_once(
    accounts: AccountsTable, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.fails = True
        before = accounts.comparisons
        await eventually(lambda: accounts.comparisons >= before + 3)
        await accounts.commit(account)
        accounts.fails = False
        await display.shows(2, within_seconds=HEALED_WITHIN_SECONDS)

    assert sum("comparing watched accounts" in record.getMessage() for record in caplog.records) == 1


async def test_a_moved_clock_brings_what_became_due(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1, due_in_seconds=3_600)
    async with Display(watcher, account) as display:
        await display.shows(1)
        await accounts.move_clock(account, seconds=4_000)
        await display.shows(2, within_seconds=HEALED_WITHIN_SECONDS)


async def test_a_clock_moved_to_just_before_the_due_instant_arms_the_timer_anew(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1, due_in_seconds=3_600)
    async with Display(watcher, account) as display:
        await display.shows(1)
        await accounts.move_clock(account, seconds=3_597)
        await display.shows(2)

    # The due instant on the tenant's clock, three seconds after the move, not a whole hour after the start.
    assert display.shown_at_seconds[1] - display.shown_at_seconds[0] < 10


async def test_a_clock_that_drifts_moves_the_timer_and_costs_no_reads(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1, due_in_seconds=3_600)
    async with Watcher(accounts, healing_seconds=None) as watcher, Display(watcher, account) as display:
        await display.shows(1)
        for compared in range(1, 6):
            await accounts.move_clock(account, seconds=0.5)
            watcher.resync()
            await eventually(lambda compared=compared: accounts.comparisons == compared)
            await asyncio.sleep(0.2)

    assert accounts.reads[account] == 1


async def test_a_clock_that_jumped_over_a_reset_is_noticed_although_nothing_was_written(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1, due_in_seconds=3_600)
    async with Display(watcher, account) as display:
        await display.shows(1)
        # A window's reset changes no version: the next one is due later, and asOf has moved.
        await accounts.reset_window(account)
        await accounts.move_clock(account, seconds=-80_000)
        await eventually(lambda: len(display.shown) == 2, within_seconds=HEALED_WITHIN_SECONDS)

    assert display.versions == [1, 1]
    display.assert_strictly_rising()


async def test_without_a_period_only_a_resync_compares(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with Watcher(accounts, healing_seconds=None) as watcher, Display(watcher, account) as display:
        await display.shows(1)
        await accounts.commit(account)
        await asyncio.sleep(1.5)
        assert accounts.comparisons == 0
        assert display.versions == [1]

        watcher.resync()
        await display.shows(2)


async def test_a_resync_that_fails_is_made_up_for(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with Watcher(accounts, healing_seconds=None) as watcher, Display(watcher, account) as display:
        await display.shows(1)
        await accounts.commit(account)
        accounts.fails = True
        watcher.resync()
        await eventually(lambda: accounts.comparisons == 1)
        accounts.fails = False
        await display.shows(2)


async def test_a_storm_of_resyncs_is_a_few_comparisons(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with Watcher(accounts, healing_seconds=None) as watcher, Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(500):
            watcher.resync()
            await asyncio.sleep(0.001)

    assert 1 <= accounts.comparisons <= 30
