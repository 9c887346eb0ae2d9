import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import pytest

from models.database import POOL_SIZE
from services.live import watched_account
from services.live.reads import READS_AT_ONCE_MAX
from services.live.watched_account import TooManyViews
from services.live.watcher import Watcher
from tests.patience import eventually
from tests.services.live.accounts_table import STATE, TENANT, AccountsTable, StateView
from tests.services.live.display import Display


@pytest.fixture
async def watcher(accounts: AccountsTable) -> AsyncIterator[Watcher]:
    """Without regular healing, so that what a test sees comes from what it tells the watcher."""
    async with Watcher(accounts, healing_seconds=None) as watcher:
        yield watcher


async def test_the_snapshot_of_now_comes_first(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=7)

    async with Display(watcher, account) as display:
        await display.shows(7)

    assert display.versions == [7]


async def test_a_change_is_shown(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(2)


async def test_a_client_that_is_up_to_date_hears_only_of_changes(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=4)
    async with Display(watcher, account, since_version=4) as display:
        await eventually(lambda: accounts.reads[account] == 1)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(5)

    assert display.versions == [5]


async def test_one_read_per_change_serves_all_subscribers(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with AsyncExitStack() as stack:
        displays = [await stack.enter_async_context(Display(watcher, account)) for _ in range(200)]
        for display in displays:
            await display.shows(1)
        # They all came while at most one read was running: that one and one more.
        assert accounts.reads[account] <= 2

        accounts.reads.clear()
        version = await accounts.commit(account)
        watcher.changed(account, version)
        for display in displays:
            await display.shows(version)

    assert accounts.reads[account] == 1
    assert len({id(display.shown[-1]) for display in displays}) == 1
    assert accounts.reading_at_once_max == 1


async def test_changes_during_a_read_cause_exactly_one_more(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.reads.clear()
        accounts.read_seconds = 0.3
        watcher.changed(account, await accounts.commit(account))
        await eventually(lambda: accounts.reading_now[account] == 1)
        await asyncio.sleep(0.15)
        for _ in range(5):
            watcher.changed(account, await accounts.commit(account))
        await display.shows(7)
        await asyncio.sleep(0.5)

    assert display.versions == [1, 2, 7]
    assert accounts.reads[account] == 2
    assert accounts.reading_at_once_max == 1


async def test_a_change_that_the_running_read_has_seen_causes_no_other(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        await display.shows(1)
        accounts.reads.clear()
        accounts.read_seconds = 0.2
        version = await accounts.commit(account)
        watcher.changed(account, version)
        await eventually(lambda: accounts.reading_now[account] == 1)
        # The same again, by way of the bus.
        watcher.changed(account, version)
        await display.shows(version)
        await asyncio.sleep(0.4)

    assert accounts.reads[account] == 1


async def test_those_who_come_during_a_read_are_served_by_one_more(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    accounts.read_seconds = 0.2
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Display(watcher, account))
        await eventually(lambda: accounts.reading_now[account] == 1)
        latecomers = [await stack.enter_async_context(Display(watcher, account)) for _ in range(20)]
        for display in (first, *latecomers):
            await display.shows(1)

    assert first.versions == [1]
    assert accounts.reads[account] == 2


async def test_a_repeated_or_older_announcement_causes_no_read(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=5)
    async with Display(watcher, account) as display:
        await display.shows(5)
        for version in (5, 4, 1, 5):
            watcher.changed(account, version)
        await asyncio.sleep(0.1)

    assert accounts.reads[account] == 1


async def test_a_version_that_does_not_exist_causes_no_endless_reads(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=5)
    async with Display(watcher, account) as display:
        await display.shows(5)
        watcher.changed(account, 2**53 - 1)
        await asyncio.sleep(0.5)

    assert accounts.reads[account] == 2
    assert display.versions == [5]


async def test_racing_changes_are_shown_in_strict_order_and_the_last_one_comes(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)

    async def commit_often() -> None:
        for _ in range(100):
            version = await accounts.commit(account)
            await asyncio.sleep(0)
            watcher.changed(account, version)

    async with AsyncExitStack() as stack:
        displays = [await stack.enter_async_context(Display(watcher, account)) for _ in range(20)]
        await asyncio.gather(*(commit_often() for _ in range(5)))
        for display in displays:
            await display.shows(501)

    for display in displays:
        display.assert_strictly_rising()
        times = display.shown_at_seconds
        assert all(later - earlier > 0.99 for earlier, later in zip(times, times[10:], strict=False))
    assert accounts.reading_at_once_max == 1


async def test_a_latecomer_never_sees_less_than_was_committed_before_it_came(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1)
    accounts.read_seconds = 0.2
    async with Display(watcher, account):
        await eventually(lambda: accounts.reading_now[account] == 1)
        await asyncio.sleep(0.1)
        # The read that runs has seen version 1. Another process commits, and its client comes here.
        version = await accounts.commit(account)
        async with Display(watcher, account, since_version=version) as latecomer:
            await asyncio.sleep(0.8)

    assert latecomer.versions == []


async def test_many_latecomers_do_not_hold_up_changes(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account) as display:
        for _ in range(100):
            async with Display(watcher, account) as latecomer:
                await latecomer.shows(1)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(2, within_seconds=2)


async def test_an_account_that_does_not_exist_ends_the_subscription(accounts: AccountsTable, watcher: Watcher) -> None:
    async with Display(watcher, uuid4()) as display:
        await eventually(lambda: display.ended)

    assert display.shown == []
    assert watcher.accounts_watched == 0


async def test_another_tenant_sees_nothing_and_disturbs_nobody(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1)
    async with Display(watcher, account, tenant_id=uuid4()) as stranger, Display(watcher, account) as display:
        await display.shows(1)
        await eventually(lambda: stranger.ended)
        watcher.changed(account, await accounts.commit(account))
        await display.shows(2)

    assert stranger.shown == []


async def test_what_falls_due_is_shown_at_its_instant_though_nobody_acts(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    account = await accounts.open(version=1, due_in_seconds=0.6)
    async with Display(watcher, account) as display:
        await display.shows(1)
        first_at = display.shown_at_seconds[0]
        assert accounts.latest is not None
        due_in_seconds = accounts.latest.due_in_seconds
        assert due_in_seconds is not None
        await display.shows(2)

    waited_seconds = display.shown_at_seconds[1] - first_at
    assert due_in_seconds - 0.1 < waited_seconds < due_in_seconds + 2


async def test_a_due_instant_costs_no_reads_before_it(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1, due_in_seconds=5_000_000)
    async with Display(watcher, account) as display:
        await display.shows(1)
        for _ in range(3):
            watcher.resync()
            await asyncio.sleep(0.2)

    assert accounts.comparisons >= 2
    assert accounts.reads[account] == 1


async def test_a_read_that_fails_is_tried_again_until_it_works(
    accounts: AccountsTable, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    account = await accounts.open(version=1)
    accounts.fails = True
    async with Display(watcher, account) as display:
        await eventually(lambda: accounts.reads[account] >= 3)
        assert display.shown == []
        accounts.fails = False
        await display.shows(1)

        accounts.fails = True
        watcher.changed(account, await accounts.commit(account))
        await asyncio.sleep(0.3)
        accounts.fails = False
        await display.shows(2)

    assert sum(record.levelname == "WARNING" for record in caplog.records) == 2


async def test_an_account_that_nobody_watches_any_more_is_forgotten(accounts: AccountsTable, watcher: Watcher) -> None:
    account = await accounts.open(version=1, due_in_seconds=0.3)
    async with Display(watcher, account) as display:
        await display.shows(1)
        assert watcher.accounts_watched == 1
    assert watcher.accounts_watched == 0

    accounts.reads.clear()
    watcher.changed(account, await accounts.commit(account))
    await asyncio.sleep(0.5)
    assert accounts.reads[account] == 0


async def test_different_views_of_an_account_are_bounded_and_names_that_anybody_makes_up_leave_room_to_others(
    accounts: AccountsTable, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watched_account.FREE_VIEWS_MAX < watched_account.VIEWS_MAX
    monkeypatch.setattr(watched_account, "VIEWS_MAX", 6)
    monkeypatch.setattr(watched_account, "FREE_VIEWS_MAX", 3)
    account, other = await accounts.open(version=1), await accounts.open(version=1)

    async def joins(seen_by: str, of: UUID = account) -> None:
        display = await stack.enter_async_context(Display(watcher, of, view=StateView(seen_by)))
        await display.shows(1)

    async with AsyncExitStack() as stack:
        for number in range(3):
            await joins(f"somebody {number}")
        for seen_by in ("somebody else", "anna", "ben", "carl", "dora"):
            if seen_by in ("somebody else", "dora"):
                with pytest.raises(TooManyViews):
                    async with watcher.watch(TENANT, account, StateView(seen_by)):
                        pass
            else:
                await joins(seen_by)
        # Views that somebody has already cost nothing more, and other accounts have bounds of their own.
        await joins("somebody 1")
        await joins("anna")
        await joins("dora", other)

    assert watcher.accounts_watched == 0
    with monkeypatch.context() as full:
        full.setattr(watched_account, "VIEWS_MAX", 0)
        with pytest.raises(TooManyViews):
            async with watcher.watch(TENANT, account, STATE):
                pass
    assert watcher.accounts_watched == 0, "who was refused leaves nothing behind"


async def test_hundreds_who_come_and_go_at_any_moment_leave_nothing_behind(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    opened = [await accounts.open(version=1) for _ in range(3)]
    for number in range(300):
        async with watcher.watch(TENANT, opened[number % 3], StateView(f"somebody {number % 150}")) as changes:
            match number % 4:
                case 0:
                    await anext(changes)
                case 1:
                    await asyncio.sleep(0)
                case _:
                    pass

    assert watcher.accounts_watched == 0
    await eventually(lambda: accounts.reading_now.total() == 0)


async def test_closing_ends_every_subscriber_and_later_ones_at_once(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    watcher: Watcher = Watcher(accounts)
    async with watcher, AsyncExitStack() as stack:
        displays = [await stack.enter_async_context(Display(watcher, account)) for _ in range(10)]
        await displays[0].shows(1)
        accounts.read_seconds = 10
        watcher.changed(account, await accounts.commit(account))
        await watcher.close()
        await eventually(lambda: all(display.ended for display in displays))

        async with watcher.watch(TENANT, account, STATE) as changes:
            assert [snapshot async for snapshot in changes] == []


async def test_thousands_watch_their_own_accounts_with_few_reads_at_once(
    accounts: AccountsTable, watcher: Watcher
) -> None:
    opened = [uuid4() for _ in range(2_000)]
    async with AsyncExitStack() as stack:
        displays = [await stack.enter_async_context(Display(watcher, account)) for account in opened]
        await eventually(lambda: accounts.reading_now.total() > 0)
        at_once_max = 0
        while not all(display.ended for display in displays):
            at_once_max = max(at_once_max, accounts.reading_now.total())
            await asyncio.sleep(0.001)

    assert 1 <= at_once_max <= READS_AT_ONCE_MAX < POOL_SIZE
    assert accounts.reads.total() == 2_000


async def test_who_leaves_before_its_turn_costs_no_read(accounts: AccountsTable, watcher: Watcher) -> None:
    accounts.read_seconds = 0.2
    async with AsyncExitStack() as stack:
        for _ in range(50):
            await stack.enter_async_context(Display(watcher, uuid4()))
        await eventually(lambda: accounts.reading_now.total() == READS_AT_ONCE_MAX)
    await eventually(lambda: accounts.reading_now.total() == 0)
    await asyncio.sleep(accounts.read_seconds)

    assert accounts.reads.total() == READS_AT_ONCE_MAX
