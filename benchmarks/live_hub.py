"""The hub's part of an event's way: from being told of a commit until every subscriber is offered what was read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.callers import percentile
from benchmarks.cases import Progress
from benchmarks.databases import fresh_database
from benchmarks.effort import LATENCY_SUBSCRIBERS, Effort
from benchmarks.farebox_process import settings_for
from benchmarks.http_pool import HttpPool
from benchmarks.live_client import Audience
from benchmarks.live_events import CHANGE_SECONDS
from benchmarks.live_probe import PROBE_PATH, PROBED
from benchmarks.live_sources import FareboxSource
from benchmarks.rounds import Spread
from benchmarks.stand import make_tenant
from benchmarks.web_server import farebox_server
from models.database import Database

_ASK: Final = f"GET {PROBE_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class HubSpeed:
    """Seconds of the hub for one change, whatever else the process has to do in them. One change is one figure."""

    p50: Spread
    p99: Spread


async def measure_hub(server_dsn: str, effort: Effort, progress: Progress) -> Mapping[int, HubSpeed]:
    """By number of subscribers of one account, up to LATENCY_SUBSCRIBERS."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn))
        async with await Database.open(dsn) as database:
            tenant = await make_tenant(database)
        folder = stack.enter_context(TemporaryDirectory(prefix="farebox-benchmark-"))
        served = stack.enter_context(farebox_server(PROBED, settings_for(dsn, folder)))
        farebox = await stack.enter_async_context(FareboxSource(served, tenant.secret_key, dsn))
        (account,) = await farebox.open_accounts(["one"])
        pool = await stack.enter_async_context(HttpPool(served.port, 1))
        found: dict[int, HubSpeed] = {}
        for size in effort.live_subscribers:
            if size <= LATENCY_SUBSCRIBERS:
                progress(f"live, the hub alone: {size} subscribers")
                subscriptions = [farebox.subscription(account)] * size
                async with await Audience.gather(served.port, subscriptions) as audience:
                    found[size] = await _measure(farebox, audience, account, size, pool, effort)
    return found


async def _measure(
    farebox: FareboxSource, audience: Audience, account: str, size: int, pool: HttpPool, effort: Effort
) -> HubSpeed:
    rounds: list[list[float]] = []
    for number in range(1 + effort.rounds):
        for _ in range(effort.live_changes):
            change = await farebox.change(account)
            await audience.hear(account, change.version, size)
            await asyncio.sleep(CHANGE_SECONDS)
        async with pool.lend() as connection:
            timed: list[tuple[int, float]] = json.loads(await connection.ask(_ASK))
        # The first round is the warm-up.
        if number > 0:
            rounds.append(sorted(seconds for _, seconds in timed))
    if not all(rounds):
        raise RuntimeError("the hub was told of changes that it offered to nobody")
    return HubSpeed(*(Spread.of([percentile(values, percent) for values in rounds]) for percent in (50, 99)))
