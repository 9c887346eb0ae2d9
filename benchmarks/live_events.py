"""How long an event takes to its subscribers, how many a second there are, and what a connection weighs."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final, TypeAlias

from benchmarks.callers import percentile
from benchmarks.cases import Progress
from benchmarks.databases import analyze, checkpoint, fresh_database
from benchmarks.effort import Effort
from benchmarks.farebox_process import FAREBOX, settings_for
from benchmarks.live_bare import BARE_SOCKET
from benchmarks.live_client import Audience
from benchmarks.live_sources import Change, FareboxSource, Source, ToldSource
from benchmarks.live_strawberry import STRAWBERRY
from benchmarks.machine import cpu_seconds_of, resident_bytes_of
from benchmarks.rounds import Spread
from benchmarks.stand import make_tenant
from benchmarks.web_server import farebox_server, web_server
from models.database import Database

BARE_NAME: Final = "bare Starlette"
STRAWBERRY_NAME: Final = "Strawberry"
FAREBOX_NAME: Final = FareboxSource.name

CHANGE_SECONDS: Final = 0.17
"""Between two changes of one account: a little more than a subscriber's pace, which would delay them otherwise."""
SCATTERED_SECONDS: Final = 0.02
"""Between two changes of many accounts."""
IDLE_SECONDS: Final = 2.0
"""For which servers are watched while nothing happens, so that this can be taken off."""
SETTLING_SECONDS: Final = 1.0
FIRST_CONNECTIONS: Final = 50
"""Connections that come and go before memory is looked at, so that what a server makes once is not counted."""


@dataclass(frozen=True, slots=True)
class LiveSlice:
    """What the changes of one round came to. Latencies in seconds, sorted, one for each message."""

    since_commit: Sequence[float] = field(repr=False)
    since_asked: Sequence[float] = field(repr=False)
    cpu_seconds: float
    """Of the server's process, less what it uses when nothing happens."""
    busy_seconds: float
    """From each change's request to its last message, added up."""

    @property
    def messages(self) -> int:
        """Messages delivered."""
        return len(self.since_commit)


@dataclass(frozen=True, slots=True)
class LiveSeries:
    """The slices of one server, one a round."""

    slices: tuple[LiveSlice, ...]

    def since_commit(self, percent: int) -> Spread:
        """A percentile of the time from the commit to a client, in seconds."""
        return Spread.of([percentile(part.since_commit, percent) for part in self.slices])

    def since_asked(self, percent: int) -> Spread:
        """The same from the moment at which the change was asked for."""
        return Spread.of([percentile(part.since_asked, percent) for part in self.slices])

    @property
    def cpu_per_message(self) -> Spread:
        """Processor seconds of the server for each message."""
        return Spread.of([_cpu_per_message(part) for part in self.slices])

    @property
    def messages_per_second(self) -> Spread:
        """Messages delivered a second while there were any to deliver."""
        return Spread.of([part.messages / part.busy_seconds for part in self.slices])

    def cheapness_beside(self, other: LiveSeries) -> Spread:
        """How many messages go out for the processor time that one takes there, round by round."""
        pairs = zip(self.slices, other.slices, strict=True)
        return Spread.of([_cpu_per_message(theirs) / _cpu_per_message(mine) for mine, theirs in pairs])


BySource: TypeAlias = Mapping[str, LiveSeries]


@dataclass(frozen=True, slots=True)
class LiveSpeed:
    """By number of subscribers. On many accounts each subscriber has one of its own, and Farebox is alone."""

    one_account: Mapping[int, BySource]
    many_accounts: Mapping[int, LiveSeries]
    connection_bytes: Mapping[str, float]
    """What an idle connection with its subscription adds to the memory of the server, by its name."""
    idle_shares: Mapping[str, float]
    """Which share of a processor each server uses while the most subscribers are connected and nothing happens."""
    tried_again: int
    """How often a server was too busy to let somebody subscribe at once."""


async def measure_live(server_dsn: str, effort: Effort, progress: Progress) -> LiveSpeed:
    """Servers take turns on one account; the subscribers of all of them stay connected meanwhile."""
    # The most first: memory is told of servers that have not had so many yet.
    sizes = sorted(effort.live_subscribers, reverse=True)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn))
        async with await Database.open(dsn) as database:
            tenant = await make_tenant(database)
        folder = stack.enter_context(TemporaryDirectory(prefix="farebox-benchmark-"))
        served = stack.enter_context(farebox_server(FAREBOX, settings_for(dsn, folder)))
        farebox = await stack.enter_async_context(FareboxSource(served, tenant.secret_key, dsn))
        progress("live: accounts")
        account, *others = await farebox.open_accounts(
            ["one", *(f"one of many {n}" for n in range(max(effort.live_accounts)))]
        )
        await analyze(dsn)
        message = await _a_message(farebox, account)
        sources: list[Source] = [farebox]
        for name, application in ((BARE_NAME, BARE_SOCKET), (STRAWBERRY_NAME, STRAWBERRY)):
            served = stack.enter_context(web_server(application))
            sources.append(await stack.enter_async_context(ToldSource(name, served, message)))
        await checkpoint(dsn)
        connection_bytes: dict[str, float] = {}
        one_account: dict[int, BySource] = {}
        idle_shares: Mapping[str, float] = {}
        tried_again = 0
        for size in sizes:
            async with AsyncExitStack() as connected:
                audiences: dict[str, Audience] = {}
                for source in sources:
                    progress(f"live, {size} on one account: {source.name} connects")
                    if size == sizes[0]:
                        audience, connection_bytes[source.name] = await _weigh(source, account, size)
                    else:
                        audience = await _gather(source, account, size)
                    tried_again += audience.tried_again
                    audiences[source.name] = await connected.enter_async_context(audience)
                one_account[size], shares = await _take_turns(sources, audiences, account, size, effort, progress)
                idle_shares = idle_shares or shares
            await asyncio.sleep(SETTLING_SECONDS)
        many_accounts: dict[int, LiveSeries] = {}
        for size in effort.live_accounts:
            progress(f"live, {size} on many accounts")
            subscriptions = [farebox.subscription(other) for other in others[:size]]
            async with await Audience.gather(farebox.served.port, subscriptions) as audience:
                tried_again += audience.tried_again
                many_accounts[size] = await _scatter(farebox, audience, others[:size], effort)
    return LiveSpeed(dict(sorted(one_account.items())), many_accounts, connection_bytes, idle_shares, tried_again)


async def _a_message(farebox: FareboxSource, account: str) -> bytes:
    async with await Audience.gather(farebox.served.port, [farebox.subscription(account)]) as audience:
        change = await farebox.change(account)
        await audience.hear(account, change.version, 1)
        return audience.subscribers[0].last_message


async def _gather(source: Source, account: str, size: int) -> Audience:
    return await Audience.gather(source.served.port, [source.subscription(account)] * size)


async def _weigh(source: Source, account: str, size: int) -> tuple[Audience, float]:
    """The audience, and by how many bytes each connection made the server larger."""
    (await _gather(source, account, min(size, FIRST_CONNECTIONS))).leave()
    before = await _settled_bytes(source)
    audience = await _gather(source, account, size)
    return audience, (await _settled_bytes(source) - before) / size


async def _settled_bytes(source: Source) -> int:
    await asyncio.sleep(SETTLING_SECONDS / 2)
    source.served.collect_garbage()
    await asyncio.sleep(SETTLING_SECONDS / 2)
    return resident_bytes_of(source.served.process_id)


async def _take_turns(
    sources: Sequence[Source],
    audiences: Mapping[str, Audience],
    account: str,
    size: int,
    effort: Effort,
    progress: Progress,
) -> tuple[BySource, Mapping[str, float]]:
    """The series, and which share of a processor each server used while it was idle."""
    for source in sources:
        await _tell_all(source, audiences[source.name], account, size, 1, 0.0)
    # The clients here are as many objects as the servers have: none of them is garbage.
    gc.collect()
    gc.freeze()
    idle = await _idle_shares(sources)
    slices: dict[str, list[LiveSlice]] = {source.name: [] for source in sources}
    for number in range(effort.rounds):
        turn = number % len(sources)
        for source in (*sources[turn:], *sources[:turn]):
            progress(f"live, {size} on one account: {source.name}, round {number + 1} of {effort.rounds}")
            part = await _tell_all(
                source, audiences[source.name], account, size, effort.live_changes, idle[source.name]
            )
            slices[source.name].append(part)
    gc.unfreeze()
    return {name: LiveSeries(tuple(parts)) for name, parts in slices.items()}, idle


async def _idle_shares(sources: Sequence[Source]) -> dict[str, float]:
    """Which share of a processor each server uses while nothing happens."""
    began, before = monotonic(), [cpu_seconds_of(source.served.process_id) for source in sources]
    await asyncio.sleep(IDLE_SECONDS)
    used = [cpu_seconds_of(source.served.process_id) for source in sources]
    seconds = monotonic() - began
    return {
        source.name: (after - earlier) / seconds for source, earlier, after in zip(sources, before, used, strict=True)
    }


async def _tell_all(
    source: Source, audience: Audience, account: str, size: int, changes: int, idle_share: float
) -> LiveSlice:
    """One change after the other, each once everybody has heard of the one before."""
    since_commit: list[float] = []
    since_asked: list[float] = []
    busy_ns = 0
    began, cpu_before = monotonic(), cpu_seconds_of(source.served.process_id)
    for _ in range(changes):
        next_at = monotonic() + CHANGE_SECONDS
        change = await source.change(account)
        heard = await audience.hear(account, change.version, size)
        committed_ns = await source.committed_ns(change)
        busy_ns += max(heard) - change.asked_ns
        since_commit += [(at_ns - committed_ns) / 1e9 for at_ns in heard]
        since_asked += [(at_ns - change.asked_ns) / 1e9 for at_ns in heard]
        await asyncio.sleep(max(0.0, next_at - monotonic()))
    used = cpu_seconds_of(source.served.process_id) - cpu_before
    undisturbed_seconds = used + changes * CHANGE_SECONDS
    cpu_seconds = less_idle(used, idle_share, min(monotonic() - began, undisturbed_seconds))
    return LiveSlice(sorted(since_commit), sorted(since_asked), cpu_seconds, busy_ns / 1e9)


def less_idle(used: float, idle_share: float, seconds: float) -> float:
    """Processor seconds without what would have been used anyway.

    `seconds` must not be longer than the work takes on a machine that nobody else uses: who is kept waiting does more
    seldom what it does regularly, and too much would be taken off.
    """
    return max(used - idle_share * seconds, 0.0)


async def _scatter(farebox: FareboxSource, audience: Audience, accounts: Sequence[str], effort: Effort) -> LiveSeries:
    """One subscriber on each account, and changes of one after the other, whether or not they have arrived."""
    in_turn = cycle(accounts)
    idle = (await _idle_shares([farebox]))[farebox.name]
    return LiveSeries(tuple([await _tell_each(farebox, audience, in_turn, effort, idle) for _ in range(effort.rounds)]))


async def _tell_each(
    farebox: FareboxSource, audience: Audience, in_turn: cycle[str], effort: Effort, idle_share: float
) -> LiveSlice:
    async def one() -> tuple[Change, int]:
        change = await farebox.change(next(in_turn))
        (at_ns,) = await audience.hear(change.account, change.version, 1)
        return change, at_ns

    process_id = farebox.served.process_id
    began, cpu_before = monotonic(), cpu_seconds_of(process_id)
    telling: list[asyncio.Task[tuple[Change, int]]] = []
    async with asyncio.TaskGroup() as group:
        for number in range(effort.live_scattered_changes):
            await asyncio.sleep(max(0.0, began + number * SCATTERED_SECONDS - monotonic()))
            telling.append(group.create_task(one()))
    seconds = monotonic() - began
    cpu_seconds = less_idle(cpu_seconds_of(process_id) - cpu_before, idle_share, seconds)
    heard = [task.result() for task in telling]
    since_commit = sorted([(at_ns - await farebox.committed_ns(change)) / 1e9 for change, at_ns in heard])
    since_asked = sorted((at_ns - change.asked_ns) / 1e9 for change, at_ns in heard)
    return LiveSlice(since_commit, since_asked, cpu_seconds, seconds)


def _cpu_per_message(part: LiveSlice) -> float:
    # What is idle varies by more than a handful of messages take.
    return max(part.cpu_seconds, 1e-9) / part.messages
