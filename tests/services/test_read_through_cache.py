"""What is remembered, for how long, and who asks when many want it."""

from __future__ import annotations

import asyncio

import pytest

from services.read_through_cache import ReadThroughCache


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Shelf:
    """Values to be read, and a count of the readings."""

    def __init__(self, **values: int) -> None:
        self.values: dict[str, int] = values
        self.readings: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, key: str) -> int | None:
        self.readings.append(key)
        value = self.values.get(key)
        await self.may_answer.wait()
        if value == 500:
            raise ConnectionError
        return value


async def test_a_fresh_value_is_not_read_again() -> None:
    shelf, clock = Shelf(a=1), Clock()
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=3, monotonic=clock)
    assert [await cache.get("a"), await cache.get("a")] == [1, 1]
    clock.seconds = 2.9
    assert await cache.get("a") == 1
    assert shelf.readings == ["a"]
    clock.seconds = 3.0
    shelf.values["a"] = 2
    assert await cache.get("a") == 2


async def test_many_who_want_the_same_ask_once() -> None:
    shelf = Shelf(a=1)
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=None)
    assert await asyncio.gather(*(cache.get("a") for _ in range(50))) == [1] * 50
    assert shelf.readings == ["a"]


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    shelf = Shelf(a=1)
    shelf.may_answer.clear()
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=None)
    first, second = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    first.cancel()
    shelf.may_answer.set()
    assert await second == 1
    assert first.cancelled() or first.cancelling()
    assert shelf.readings == ["a"]


async def test_an_error_is_told_and_not_remembered() -> None:
    shelf = Shelf(a=500)
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=None)
    with pytest.raises(ConnectionError):
        await cache.get("a")
    shelf.values["a"] = 1
    assert await cache.get("a") == 1


async def test_the_least_recently_used_goes_first() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=None)
    for key in ("a", "b", "a", "c", "a", "b"):
        await cache.get(key)
    assert shelf.readings == ["a", "b", "c", "b"]


async def test_absence_is_remembered_apart_so_that_guesses_push_nothing_out() -> None:
    shelf = Shelf(a=1)
    cache = ReadThroughCache(shelf.read, size=1, absent_size=2, ttl_seconds=None)
    for key in ("a", "x", "y", "z", "z", "y", "a"):
        await cache.get(key)
    assert shelf.readings == ["a", "x", "y", "z"]
    assert await cache.get("x") is None
    assert shelf.readings[-1] == "x"


async def test_absence_is_not_remembered_unless_asked_for() -> None:
    shelf = Shelf()
    cache = ReadThroughCache(shelf.read, size=1, ttl_seconds=None)
    assert await cache.get("x") is None
    shelf.values["x"] = 1
    assert await cache.get("x") == 1


async def test_what_is_forgotten_while_it_is_read_is_read_again() -> None:
    shelf = Shelf(a=1)
    shelf.may_answer.clear()
    cache = ReadThroughCache(shelf.read, size=1, ttl_seconds=None)
    early = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shelf.values["a"] = 2
    cache.forget("a")
    shelf.may_answer.set()
    assert await cache.get("a") == 2
    assert await early == 1
    assert await cache.get("a") == 2


async def test_age_counts_from_the_question() -> None:
    shelf, clock = Shelf(a=1), Clock()
    shelf.may_answer.clear()
    cache = ReadThroughCache(shelf.read, size=1, ttl_seconds=3, monotonic=clock)
    slow = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.seconds = 2.0
    shelf.may_answer.set()
    await slow
    clock.seconds = 3.0
    await cache.get("a")
    assert shelf.readings == ["a", "a"]


async def test_values_that_match_are_forgotten() -> None:
    shelf = Shelf(a=1, b=2)
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=None)
    await cache.get("a")
    await cache.get("b")
    cache.forget_where(lambda value: value == 1)
    await cache.get("a")
    await cache.get("b")
    assert shelf.readings == ["a", "b", "a"]


async def test_heavy_values_make_room_for_each_other_and_the_last_one_stays() -> None:
    shelf = Shelf(light=3, heavy=8, other=4, giant=99)
    cache = ReadThroughCache(shelf.read, size=10, ttl_seconds=None, weigh=lambda value: value, weight_max=12)

    for key in ("light", "heavy", "light", "other", "light", "giant", "giant"):
        await cache.get(key)

    # "heavy" went when "other" came, although it came after "light", which was used since; the giant drove all out.
    assert shelf.readings == ["light", "heavy", "other", "giant"]
    assert [await cache.get(key) for key in ("light", "giant")] == [3, 99]
    assert shelf.readings[4:] == ["light", "giant"]


async def test_what_is_at_hand_is_fresh_and_asks_nobody() -> None:
    shelf, clock = Shelf(a=1), Clock()
    cache = ReadThroughCache(shelf.read, size=2, ttl_seconds=3, monotonic=clock)
    assert cache.at_hand("a") is None
    assert await cache.get("a") == 1
    clock.seconds = 2.9
    assert cache.at_hand("a") == 1
    clock.seconds = 3.0
    assert cache.at_hand("a") is None
    assert shelf.readings == ["a"]
