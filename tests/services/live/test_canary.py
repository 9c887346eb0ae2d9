import asyncio
from collections.abc import AsyncIterator

import pytest

from models.pool import time_limit
from services.live import canary as canary_module
from services.live.canary import Canary
from tests.patience import eventually


class Database:
    """Answers a trifle at once, or not at all."""

    def __init__(self) -> None:
        self.is_silent = False
        self.asked = self.answered = 0

    async def trifle(self) -> None:
        self.asked += 1
        if self.is_silent:
            await asyncio.Event().wait()
        self.answered += 1


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(canary_module, "CANARY_SECONDS", 0.05)
    monkeypatch.setattr(canary_module, "RETRY_SECONDS", 0.01)
    return Database()


@pytest.fixture
async def canary(database: Database) -> AsyncIterator[Canary]:
    canary = Canary(database.trifle)
    yield canary
    await canary.stop()


async def ask(canary: Canary) -> None:
    """Something that is never answered."""
    async with time_limit(60) as limit:
        with canary.watching(limit):
            await asyncio.Event().wait()


async def test_what_was_lost_in_a_silence_is_given_up_when_that_is_over(database: Database, canary: Canary) -> None:
    database.is_silent = True
    lost = asyncio.create_task(ask(canary))
    await eventually(lambda: database.asked > 2)
    assert not lost.done()
    database.is_silent = False
    await eventually(lambda: database.answered == 1)
    with pytest.raises(TimeoutError):
        await lost


async def test_what_is_asked_after_a_silence_is_left_its_time(database: Database, canary: Canary) -> None:
    database.is_silent = True
    lost = asyncio.create_task(ask(canary))
    await eventually(lambda: database.asked > 2)
    database.is_silent = False
    later = asyncio.create_task(ask(canary))
    with pytest.raises(TimeoutError):
        await lost
    await eventually(lambda: database.answered > 3)
    assert not later.done()
    later.cancel()


async def test_a_database_that_is_only_slow_is_left_its_time(database: Database, canary: Canary) -> None:
    slow = asyncio.create_task(ask(canary))
    await eventually(lambda: database.answered > 3)
    assert not slow.done()
    slow.cancel()


async def test_nobody_is_asked_where_nobody_waits(database: Database, canary: Canary) -> None:
    async with time_limit(60) as limit:
        with canary.watching(limit):
            await eventually(lambda: database.answered > 0)
    await eventually(lambda: "live canary" not in {task.get_name() for task in asyncio.all_tasks()})


async def test_a_trifle_that_is_refused_ends_nothing_and_is_asked_again(database: Database) -> None:
    async def refused() -> None:
        database.asked += 1
        raise ConnectionRefusedError

    canary = Canary(refused)
    waiting = asyncio.create_task(ask(canary))
    await eventually(lambda: database.asked > 3)
    assert not waiting.done()
    waiting.cancel()
    await canary.stop()
