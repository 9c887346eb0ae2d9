"""Concurrent callers for a slice of time: each asks, waits for the answer, asks again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter


class Tally:
    """Counts what was acknowledged within the slice. Answers after its end are waited for and not counted."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.started = perf_counter()
        self.deadline = self.started + seconds
        self.counted = 0
        self.acknowledged = 0
        """Counted or not."""
        self.holds = 0
        """Holds that were made: as many must be in the database afterwards."""
        self.latencies: list[float] = []

    @property
    def is_over(self) -> bool:
        """Whether nobody should ask any more."""
        return perf_counter() >= self.deadline

    def acknowledge(self, asked_at: float, *, holds: int) -> None:
        """One operation is committed and answered; `asked_at` by `perf_counter`."""
        now = perf_counter()
        self.acknowledged += 1
        self.holds += holds
        self.counted += now <= self.deadline
        self.latencies.append(now - asked_at)


Caller = Callable[[Tally], Awaitable[None]]
"""Asks once, or once for each step of a sequence, and tells the tally of every answer."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice came to. Latencies in seconds, sorted."""

    counted: int
    acknowledged: int
    holds: int
    seconds: float
    latencies: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        """Operations acknowledged a second."""
        return self.counted / self.seconds

    def latency(self, percent: int) -> float:
        """The latency in seconds that so many percent of the operations did not exceed."""
        return percentile(self.latencies, percent)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the sorted values do not exceed, one of them; 0 where there is none."""
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


async def run_slice(callers: Sequence[Caller], seconds: float) -> Slice:
    """Lets all callers ask until the time is over; returns when the last answer is in."""
    tally = Tally(seconds)

    async def keep_asking(ask: Caller) -> None:
        while not tally.is_over:
            await ask(tally)

    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(keep_asking(caller))
    return Slice(tally.counted, tally.acknowledged, tally.holds, seconds, sorted(tally.latencies))
