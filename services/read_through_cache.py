"""A bounded memory of what was read from the database, asked for once however many want it at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    asked_at_seconds: float


class ReadThroughCache(Generic[K, V]):
    """Remembers up to `size` values, least recently used out first, each for `ttl_seconds` (None: for good).

    That something is absent (None) is remembered apart, `absent_size` times at most, so that guesses cannot push values
    out. Where values differ much in size, `weigh` tells each one's weight and `weight_max` bounds their sum; the last
    one remembered stays, whatever it weighs. Age counts from when the question was asked: what happened while it was
    answered may not be in the answer.
    """

    def __init__(
        self,
        read: Callable[[K], Awaitable[V | None]],
        *,
        size: int,
        ttl_seconds: float | None,
        absent_size: int = 0,
        weigh: Callable[[V], int] | None = None,
        weight_max: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._size = size
        self._absent_size = absent_size
        self._weigh = weigh
        self._weight_max = weight_max
        self._ttl_seconds = ttl_seconds
        self._monotonic = monotonic
        self._values: OrderedDict[K, _Kept[V]] = OrderedDict()
        self._absent: OrderedDict[K, _Kept[None]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K) -> V | None:
        """The value, from memory when it is fresh. Raises what reading raises; errors are not remembered."""
        kept = self._fresh(self._values, key)
        if kept is not None:
            return kept.value
        if self._fresh(self._absent, key) is not None:
            return None
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        # Shielded: one who gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def at_hand(self, key: K) -> V | None:
        """The value if it is fresh in memory; asks nobody."""
        kept = self._fresh(self._values, key)
        return None if kept is None else kept.value

    def keep(self, key: K, value: V) -> None:
        """Remembers a value that the caller has just written."""
        self._remember_value(key, _Kept(value, self._monotonic()))

    def forget(self, key: K) -> None:
        """The next one asks again, also when an answer is on its way."""
        self._values.pop(key, None)
        self._absent.pop(key, None)
        self._asking.pop(key, None)

    def forget_where(self, matches: Callable[[V], bool]) -> None:
        """Forgets every value that matches."""
        for key in [key for key, kept in self._values.items() if matches(kept.value)]:
            self.forget(key)

    async def _ask(self, key: K) -> V | None:
        asked_at_seconds = self._monotonic()
        value = await self._read(key)
        if self._asking.get(key) is asyncio.current_task():
            if value is None:
                self._remember(self._absent, self._absent_size, key, _Kept(None, asked_at_seconds))
            else:
                self._remember_value(key, _Kept(value, asked_at_seconds))
        return value

    def _asked(self, key: K, task: asyncio.Task[V | None]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            # Looked at, so that an error nobody waited for is not reported as lost.
            task.exception()

    def _fresh(self, memory: OrderedDict[K, _Kept[T]], key: K) -> _Kept[T] | None:
        kept = memory.get(key)
        if kept is None:
            return None
        if self._ttl_seconds is not None and self._monotonic() - kept.asked_at_seconds >= self._ttl_seconds:
            del memory[key]
            return None
        memory.move_to_end(key)
        return kept

    def _remember_value(self, key: K, kept: _Kept[V]) -> None:
        self._remember(self._values, self._size, key, kept)
        if self._weigh is None:
            return
        weight = sum(self._weigh(one.value) for one in self._values.values())
        while weight > self._weight_max and len(self._values) > 1:
            _, forgotten = self._values.popitem(last=False)
            weight -= self._weigh(forgotten.value)

    @staticmethod
    def _remember(memory: OrderedDict[K, _Kept[T]], size: int, key: K, kept: _Kept[T]) -> None:
        memory[key] = kept
        memory.move_to_end(key)
        while len(memory) > size:
            memory.popitem(last=False)
