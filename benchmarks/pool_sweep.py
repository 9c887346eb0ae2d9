"""Which number of connections suits each rival best: tried, not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

from benchmarks.asking import accounts_for, reserving
from benchmarks.cases import Progress
from benchmarks.contenders import Contender
from benchmarks.databases import analyze, fresh_database
from benchmarks.effort import TARGET_CALLERS, Effort
from benchmarks.one_call_rival import OneCallRival, open_one_call_rival
from benchmarks.rounds import Entrant, interleave
from benchmarks.stand import Arrangement
from benchmarks.tortoise_rival import TortoiseRival, open_tortoise_rival


@dataclass(frozen=True, slots=True)
class Sweep:
    """Reserves a second by number of connections, of one rival in one arrangement."""

    rival: str
    arrangement: Arrangement
    per_second: Mapping[int, float]

    @property
    def best(self) -> int:
        """The number with the most reserves a second."""
        return max(self.per_second, key=lambda size: self.per_second[size])


async def sweep_pools(dsn: str, effort: Effort, progress: Progress) -> list[Sweep]:
    """Every rival with every number of connections, in turns."""
    async with fresh_database(dsn) as database:
        return [
            await _sweep(database, rival, arrangement, effort, progress)
            for rival in (TortoiseRival.name, OneCallRival.name)
            for arrangement in Arrangement
        ]


async def _sweep(dsn: str, rival: str, arrangement: Arrangement, effort: Effort, progress: Progress) -> Sweep:
    async with AsyncExitStack() as stack:
        entrants: list[Entrant] = []
        for size in effort.pool_sizes:
            contender: Contender
            if rival == TortoiseRival.name:
                contender = await stack.enter_async_context(open_tortoise_rival(dsn, uuid4(), size))
            else:
                contender = await stack.enter_async_context(open_one_call_rival(dsn, uuid4(), size))
            accounts = await accounts_for(contender, arrangement, TARGET_CALLERS)
            entrants.append(reserving(str(size), contender, accounts))
        series, _ = await interleave(
            entrants,
            rounds=effort.sweep_rounds,
            seconds=effort.sweep_seconds,
            warm_up_seconds=effort.sweep_seconds / 2,
            after_warm_up=lambda: analyze(dsn),
            progress=lambda text: progress(f"pool of {rival}, {arrangement}: {text}"),
        )
    return Sweep(rival, arrangement, {int(name): part.per_second.median for name, part in series.items()})


def best_sizes(sweeps: Sequence[Sweep]) -> dict[tuple[str, Arrangement], int]:
    """The best number of connections by rival and arrangement."""
    return {(sweep.rival, sweep.arrangement): sweep.best for sweep in sweeps}
