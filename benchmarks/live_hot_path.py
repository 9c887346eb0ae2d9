"""What live events cost those who pay: reserves over HTTP while some listen, beside a server that tells nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.callers import Caller, Slice, Tally, run_slice
from benchmarks.cases import Case, Progress
from benchmarks.contenders import statement
from benchmarks.databases import analyze, checkpoint, fresh_database
from benchmarks.effort import TARGET_CALLERS, Effort
from benchmarks.farebox_process import FAREBOX, SILENT, settings_for
from benchmarks.http_pool import HttpPool
from benchmarks.live_client import Audience
from benchmarks.live_sources import FareboxSource, reserved_version
from benchmarks.machine import cpu_seconds_of, cpu_seconds_of_postgres, find_postmaster
from benchmarks.rounds import Series, Spread
from benchmarks.stand import Arrangement, make_tenant
from benchmarks.web_server import Served, farebox_server
from models.database import Database
from services.ledger.audit import audit

LISTENERS: Final = 100
"""On the one hot account; of distinct ones each has one."""

PAUSE_SECONDS: Final = 0.3

LIVE_NAME: Final = "live"
SILENT_NAME: Final = "silent"


SLICES_LONGER: Final = 2
"""A difference of a few percent needs more reserves than one of many times."""


@dataclass(frozen=True, slots=True)
class HotPath:
    """The case, and the processor seconds of each reserve, Farebox and Postgres together, by entrant, one a round."""

    case: Case
    cpu_per_reserve: Mapping[str, Sequence[float]]

    def throughput_ratio(self, arrangement: Arrangement) -> Spread:
        """Reserves a second with live events beside none, round by round."""
        return self.case.series[f"{LIVE_NAME}, {arrangement}"].ratio_to(
            self.case.series[f"{SILENT_NAME}, {arrangement}"]
        )

    def cpu_ratio(self, arrangement: Arrangement) -> Spread:
        """Processor time of a reserve with live events beside none, round by round."""
        live = self.cpu_per_reserve[f"{LIVE_NAME}, {arrangement}"]
        silent = self.cpu_per_reserve[f"{SILENT_NAME}, {arrangement}"]
        return Spread.of([mine / theirs for mine, theirs in zip(live, silent, strict=True)])


@dataclass(frozen=True, slots=True)
class _Reserving:
    name: str
    served: Served
    callers: Sequence[Caller]


async def load_hot_path(server_dsn: str, effort: Effort, progress: Progress) -> HotPath:
    """Both servers on one database, each with TARGET_CALLERS connections and accounts of its own, hot and distinct."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn))
        database = await stack.enter_async_context(await Database.open(dsn))
        key = (await make_tenant(database)).secret_key
        entrants: dict[Arrangement, list[_Reserving]] = {arrangement: [] for arrangement in Arrangement}
        for name, application in ((SILENT_NAME, SILENT), (LIVE_NAME, FAREBOX)):
            folder = stack.enter_context(TemporaryDirectory(prefix="farebox-benchmark-"))
            served = stack.enter_context(farebox_server(application, settings_for(dsn, folder)))
            source = await stack.enter_async_context(FareboxSource(served, key, dsn))
            pool = await stack.enter_async_context(HttpPool(served.port, TARGET_CALLERS))
            hot, *distinct = await source.open_accounts([f"{name} {n}" for n in range(1 + TARGET_CALLERS)])
            for arrangement, accounts in (
                (Arrangement.HOT, [hot] * TARGET_CALLERS),
                (Arrangement.DISTINCT, distinct),
            ):
                callers = [_caller(source, pool, account) for account in accounts]
                entrants[arrangement].append(_Reserving(f"{name}, {arrangement}", served, callers))
            if name == LIVE_NAME:
                progress("live, hot path: subscribers connect")
                watched = [source.subscription(account) for account in [*[hot] * LISTENERS, *distinct]]
                await stack.enter_async_context(await Audience.gather(served.port, watched))
        await checkpoint(dsn)
        in_turn = [entrant for some in entrants.values() for entrant in some]
        return await _take_turns(in_turn, dsn, database, effort, progress)


async def _take_turns(
    entrants: Sequence[_Reserving], dsn: str, database: Database, effort: Effort, progress: Progress
) -> HotPath:
    postmaster = await find_postmaster(dsn)
    if postmaster is None:
        raise RuntimeError("what live events cost can be measured where there is /proc")
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    cpu: dict[str, list[float]] = {entrant.name: [] for entrant in entrants}
    holds = 0
    for entrant in entrants:
        holds += (await run_slice(entrant.callers, effort.warm_up_seconds)).holds
    await analyze(dsn)
    for number in range(effort.rounds):
        turn = number % len(entrants)
        for entrant in (*entrants[turn:], *entrants[:turn]):
            progress(f"live, hot path: {entrant.name}, round {number + 1} of {effort.rounds}")
            # What the turn before left behind is done by then, the last event included.
            await asyncio.sleep(PAUSE_SECONDS)
            before = cpu_seconds_of(entrant.served.process_id) + cpu_seconds_of_postgres(postmaster)
            part = await run_slice(entrant.callers, effort.slice_seconds * SLICES_LONGER)
            after = cpu_seconds_of(entrant.served.process_id) + cpu_seconds_of_postgres(postmaster)
            holds += part.holds
            slices[entrant.name].append(part)
            cpu[entrant.name].append((after - before) / part.holds)
    progress("live, hot path: audit")
    contradictions = [str(finding) for finding in await audit(database)]
    async with database.spanning_reader() as connection:
        found = int(await connection.fetchval(statement("count_ledger_holds")))
    if found != holds:
        contradictions.append(f"{holds} holds were acknowledged, {found} are in the database")
    series = {name: Series(tuple(parts)) for name, parts in slices.items()}
    return HotPath(Case("live events", series, tuple(contradictions), {"ledger": found}), cpu)


def _caller(source: FareboxSource, pool: HttpPool, account: str) -> Caller:
    async def ask(tally: Tally) -> None:
        async with pool.lend() as connection:
            asked_at = perf_counter()
            reserved_version(await connection.ask(source.reserve(account)))
            tally.acknowledge(asked_at, holds=1)

    return ask
