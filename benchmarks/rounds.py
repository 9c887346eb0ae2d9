"""Interleaved rounds: whatever is compared takes turns, so that a slow moment of the machine strikes all alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

from benchmarks.callers import Caller, Slice, run_slice
from benchmarks.contenders import Contender

ROUNDS_MIN: Final = 5
"""Pairs below which a median says little on a noisy machine."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and how far the rounds lay apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Over one value a round."""
        return cls(median(values), min(values), max(values))

    def times(self, factor: float) -> Spread:
        """In another unit."""
        return Spread(self.median * factor, self.least * factor, self.most * factor)


@dataclass(frozen=True, slots=True)
class Series:
    """The slices of one entrant, one a round."""

    slices: tuple[Slice, ...]

    @property
    def per_second(self) -> Spread:
        """Operations a second."""
        return Spread.of([part.per_second for part in self.slices])

    def latency(self, percent: int) -> Spread:
        """A percentile of latency in seconds."""
        return Spread.of([part.latency(percent) for part in self.slices])

    def ratio_to(self, other: Series) -> Spread:
        """How many times as fast as another entrant, round by round."""
        pairs = zip(self.slices, other.slices, strict=True)
        return Spread.of([mine.per_second / max(theirs.per_second, 1e-9) for mine, theirs in pairs])


class TakesTurns(Protocol):
    """Whoever takes turns with others: a name, and callers that ask."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    @property
    def callers(self) -> Sequence[Caller]:
        """They ask at the same time."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who takes turns with the others: a name, and callers that all ask the same contender."""

    name: str
    contender: Contender
    callers: Sequence[Caller]


async def interleave(
    entrants: Sequence[TakesTurns],
    *,
    rounds: int,
    seconds: float,
    warm_up_seconds: float,
    after_warm_up: Callable[[], Awaitable[None]],
    progress: Callable[[str], None],
) -> tuple[dict[str, Series], dict[str, int]]:
    """Every entrant's slices, and how many holds each made in all, the uncounted warm-up included.

    The order turns by one place each round, so that nobody always follows the same predecessor.
    """
    holds = dict.fromkeys((entrant.name for entrant in entrants), 0)
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    for entrant in entrants:
        progress(f"{entrant.name}: warm-up")
        holds[entrant.name] += (await run_slice(entrant.callers, warm_up_seconds)).holds
    await after_warm_up()
    for number in range(rounds):
        turn = number % len(entrants)
        for entrant in (*entrants[turn:], *entrants[:turn]):
            progress(f"{entrant.name}: round {number + 1} of {rounds}")
            part = await run_slice(entrant.callers, seconds)
            holds[entrant.name] += part.holds
            slices[entrant.name].append(part)
    return {name: Series(tuple(parts)) for name, parts in slices.items()}, holds
