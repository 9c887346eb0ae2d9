"""What the hub itself takes of an event's way: without database and sockets, from being told to every subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Final
from uuid import UUID

from benchmarks.callers import percentile
from benchmarks.effort import Effort
from benchmarks.live_events import CHANGE_SECONDS
from benchmarks.rounds import Spread
from services.live.hub import LiveHub
from services.live.reader import Position, Reading, Wanted
from services.live.view import Event, View

TENANT: Final = UUID(int=1)
ACCOUNT: Final = UUID(int=2)


AS_OF: Final = datetime(2026, 1, 1, tzinfo=UTC)


class VersionEvent(Event):
    """An account of which only the version is known."""

    __slots__ = ()

    def repeats(self, told: Event) -> bool:
        """Every version is shown."""
        return self.order == told.order


@dataclass(frozen=True, slots=True)
class VersionView(View[VersionEvent]):
    """The version and nothing else."""


class InstantReader:
    """Knows the version without asking anyone, so that no time is lost on reading."""

    def __init__(self) -> None:
        self.version = 1

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading:
        """The account as it is now."""
        event = VersionEvent(self.version, AS_OF)
        return Reading(self.version, AS_OF, None, dict.fromkeys(wanted, event))

    async def positions(self, accounts: Sequence[UUID]) -> Mapping[UUID, Position]:
        """Nothing needs to be healed here."""
        return {account: Position(self.version, None) for account in accounts}


@dataclass(frozen=True, slots=True)
class HubSpeed:
    """Seconds from `LiveHub.changed` to a subscriber that has the snapshot in hand."""

    p50: Spread
    p99: Spread


async def measure_hub(effort: Effort) -> dict[int, HubSpeed]:
    """By number of subscribers, all on one account and in this process."""
    return {size: await _measure(size, effort) for size in effort.live_subscribers}


async def _measure(size: int, effort: Effort) -> HubSpeed:
    reader = InstantReader()
    heard: list[tuple[int, float]] = []
    everyone_heard = asyncio.Event()

    async def subscribe(hub: LiveHub) -> None:
        async with hub.watch(TENANT, ACCOUNT, VersionView()) as snapshots:
            async for snapshot in snapshots:
                heard.append((snapshot.version, perf_counter()))
                if len(heard) == size:
                    everyone_heard.set()

    rounds: list[list[float]] = []
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(LiveHub(reader, None, healing_seconds=None))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for _ in range(size):
            group.create_task(subscribe(hub))
        await everyone_heard.wait()
        for number in range(1 + effort.rounds):
            latencies: list[float] = []
            for _ in range(effort.live_changes):
                await asyncio.sleep(CHANGE_SECONDS)
                heard.clear()
                everyone_heard.clear()
                reader.version += 1
                told_at = perf_counter()
                hub.changed(ACCOUNT, reader.version)
                await everyone_heard.wait()
                if any(version != reader.version for version, _ in heard):
                    raise RuntimeError("a subscriber was shown an older snapshot than the one that is there")
                latencies += [at - told_at for _, at in heard]
            # The first round is the warm-up.
            if number > 0:
                rounds.append(sorted(latencies))
        await hub.end_subscriptions()
    return HubSpeed(*(Spread.of([percentile(values, percent) for values in rounds]) for percent in (50, 99)))
