import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from services.live.pace import AT_ONCE
from services.live.subscriber import Subscriber
from tests.patience import eventually
from tests.services.live.accounts_table import Shown

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_snapshot(version: int, *, seconds: float = 0, was_reset: bool = False) -> Shown:
    return Shown(version, START + timedelta(seconds=seconds), was_reset=was_reset)


def a_subscriber(since_version: int | None = None) -> Subscriber[Shown]:
    return Subscriber(since_version)


async def nothing_comes(subscriber: Subscriber[Shown]) -> bool:
    try:
        async with asyncio.timeout(0.3):
            await anext(subscriber)
    except TimeoutError:
        return True
    return False


async def test_an_offered_snapshot_is_shown() -> None:
    subscriber = a_subscriber()
    subscriber.offer(a_snapshot(3))

    assert await anext(subscriber) == a_snapshot(3)


async def test_one_that_waits_is_woken() -> None:
    subscriber = a_subscriber()
    waiting = asyncio.create_task(anext(subscriber))
    await asyncio.sleep(0.01)
    subscriber.offer(a_snapshot(3))

    assert await waiting == a_snapshot(3)


async def test_older_and_equal_snapshots_are_never_shown() -> None:
    subscriber = a_subscriber()
    subscriber.offer(a_snapshot(3, seconds=5))
    await anext(subscriber)
    subscriber.offer(a_snapshot(2, seconds=9))
    subscriber.offer(a_snapshot(3, seconds=4))
    subscriber.offer(a_snapshot(3, seconds=5))

    assert await nothing_comes(subscriber)


async def test_a_later_instant_of_the_same_version_is_shown() -> None:
    subscriber = a_subscriber()
    subscriber.offer(a_snapshot(3, seconds=5))
    await anext(subscriber)
    subscriber.offer(a_snapshot(3, seconds=6))

    assert await anext(subscriber) == a_snapshot(3, seconds=6)


async def test_a_client_that_has_this_version_is_not_sent_it_again() -> None:
    subscriber = a_subscriber(since_version=3)
    subscriber.offer(a_snapshot(3))
    assert await nothing_comes(subscriber)

    subscriber.offer(a_snapshot(4))
    assert await anext(subscriber) == a_snapshot(4)


async def test_a_client_that_has_this_version_sees_the_reset_of_a_window() -> None:
    subscriber = a_subscriber(since_version=3)
    subscriber.offer(a_snapshot(3))
    subscriber.offer(a_snapshot(3, seconds=1))

    assert await anext(subscriber) == a_snapshot(3, seconds=1)


async def test_a_client_that_saw_this_version_before_a_reset_is_sent_it_again() -> None:
    subscriber = a_subscriber(since_version=3)
    subscriber.offer(a_snapshot(3, seconds=1, was_reset=True))

    assert await anext(subscriber) == a_snapshot(3, seconds=1, was_reset=True)


@pytest.mark.parametrize("since_version", [2, 99])
async def test_a_client_that_has_another_version_is_sent_the_snapshot(since_version: int) -> None:
    subscriber = a_subscriber(since_version)
    subscriber.offer(a_snapshot(3))

    assert await anext(subscriber) == a_snapshot(3)


async def test_a_flood_is_conflated_to_ten_a_second_and_its_last_one_comes() -> None:
    subscriber = a_subscriber()
    shown: list[tuple[float, int]] = []

    async def show() -> None:
        async for snapshot in subscriber:
            shown.append((asyncio.get_running_loop().time(), snapshot.version))  # noqa: PERF401 (looked at meanwhile)

    showing = asyncio.create_task(show())
    last = 0
    for last in range(1, 301):
        subscriber.offer(a_snapshot(last))
        await asyncio.sleep(0.005)
    await eventually(lambda: shown[-1][1] == last)
    subscriber.end()
    await showing

    assert len(shown) > AT_ONCE
    assert all(later[0] - earlier[0] > 0.99 for earlier, later in zip(shown, shown[10:], strict=False))
    assert all(earlier[1] < later[1] for earlier, later in pairwise(shown))


async def test_a_stalled_client_costs_no_more_than_one_snapshot() -> None:
    subscriber = a_subscriber()
    for version in range(1, 10_001):
        subscriber.offer(a_snapshot(version))

    held = [getattr(subscriber, slot) for slot in Subscriber.__slots__]
    assert sum(sys.getsizeof(value) for value in held) < 2_000
    assert await anext(subscriber) == a_snapshot(10_000)
    assert await nothing_comes(subscriber)


async def test_the_end_comes_after_what_still_waits() -> None:
    subscriber = a_subscriber()
    subscriber.offer(a_snapshot(3))
    subscriber.end()

    assert [snapshot async for snapshot in subscriber] == [a_snapshot(3)]


async def test_one_that_waits_is_ended() -> None:
    subscriber = a_subscriber()
    waiting = asyncio.create_task(anext(subscriber, None))
    await asyncio.sleep(0.01)
    subscriber.end()

    assert await waiting is None


async def test_a_cancelled_wait_loses_nothing() -> None:
    subscriber = a_subscriber()
    waiting = asyncio.create_task(anext(subscriber))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    subscriber.offer(a_snapshot(3))

    assert await anext(subscriber) == a_snapshot(3)


class Counter:
    """Takes what is handed over to it, as long as it `takes`; what its subscriber is iterated for goes another way."""

    def __init__(self) -> None:
        self.takes = True
        self.fails = False
        self.taken: list[int] = []
        self.iterated: list[int] = []
        self.subscriber = a_subscriber()
        self.subscriber.hand_to(self._take)

    def _take(self, event: Shown) -> bool:
        if self.fails:
            raise OSError("the client is gone")
        if self.takes:
            self.taken.append(event.version)
        return self.takes

    async def iterate(self) -> None:
        async for event in self.subscriber:
            self.iterated.append(event.version)

    @asynccontextmanager
    async def iterated_meanwhile(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.iterate())
        await asyncio.sleep(0.01)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_is_waited_for_is_handed_over_before_the_offer_returns() -> None:
    counter = Counter()
    counter.subscriber.offer(a_snapshot(1))
    assert counter.taken == []

    async with counter.iterated_meanwhile():
        assert counter.iterated == [1]
        counter.subscriber.offer(a_snapshot(2))
        counter.subscriber.offer(a_snapshot(2))
        assert counter.taken == [2]
        await asyncio.sleep(0.05)

    assert counter.iterated == [1]


@pytest.mark.parametrize("fails", [False, True])
async def test_what_cannot_be_handed_over_is_iterated_in_its_place(fails: bool) -> None:
    counter = Counter()
    async with counter.iterated_meanwhile():
        counter.takes, counter.fails = False, fails
        counter.subscriber.offer(a_snapshot(1))
        counter.takes, counter.fails = True, False
        # The one before is not taken yet.
        counter.subscriber.offer(a_snapshot(2))
        assert counter.taken == []
        await eventually(lambda: counter.iterated == [2])
        counter.subscriber.offer(a_snapshot(3))

    assert counter.taken == [3]
    assert counter.iterated == [2]


async def test_what_is_handed_over_keeps_the_pace_and_the_last_one_comes() -> None:
    counter = Counter()
    async with counter.iterated_meanwhile():
        for version in range(1, 301):
            counter.subscriber.offer(a_snapshot(version))
        await eventually(lambda: counter.iterated == [300])

    assert counter.taken == list(range(1, AT_ONCE + 1))


async def test_who_leaves_is_handed_nothing_more() -> None:
    counter = Counter()
    async with counter.iterated_meanwhile() as task:
        task.cancel()
        counter.subscriber.offer(a_snapshot(1))

    assert counter.taken == []
