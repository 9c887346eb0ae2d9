"""One server after the other is restarted, in order and by a kill, while both are used: nobody misses anything."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.frames import CloseCode

from tests.faults.healing_time import healed_after
from tests.faults.live_clients import Watcher, ask_any, in_background, over_a_socket, over_an_event_stream
from tests.faults.served import Server, served
from tests.faults.test_live_cuts import ALERTS, BALANCE, ENTRIES, GRANT, OPEN, SET_ALERTS, STATE, WARNINGS
from tests.faults.test_live_feeds import CHARGE
from tests.patience import eventually

A_ROOT_KEY: Final = "a-root-key-that-is-long-enough-to-be-one"
GRANTED: Final = 100_000
THRESHOLDS: Final = [str(GRANTED - spent) for spent in (3, 6, 9, 12, 15, 20, 25, 30, 40, 50)]
PAYERS: Final = 4
PAUSE_SECONDS: Final = 0.1
CHARGES_MIN: Final = 60
"""So that every threshold is crossed."""


@pytest.fixture
def servers(dsn: str, memory_path: Path) -> Iterator[list[Server]]:
    """Two on one database."""
    settings = {"DATABASE_URL": dsn, "FAREBOX_ROOT_KEY": A_ROOT_KEY}
    with ExitStack() as stack:
        yield [stack.enter_context(served(memory_path / name, processes=1, **settings)) for name in ("one", "two")]


async def pages_of(servers: Sequence[Server], key: str, document: str, name: str) -> list[dict[str, Any]]:
    """All that is listed, newest first."""
    nodes: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = (await ask_any(servers, key, document, {"after": after}))[name]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


async def test_a_rolling_restart_loses_no_change_and_no_warning_and_tells_none_twice(servers: list[Server]) -> None:
    for server in servers:
        await server.is_ready()
    key = servers[0].key
    paid: list[int] = []
    numbers = count()

    enough = asyncio.Event()

    async def pay(order: Sequence[Server]) -> None:
        for number in numbers:
            if enough.is_set():
                return
            # Leaves the machine to those that start.
            await asyncio.sleep(PAUSE_SECONDS)
            answer = await ask_any(order, key, CHARGE, {"key": f"pay {number}"})
            assert "balance" in answer, answer
            paid.append(answer["balance"]["version"])

    account = (await ask_any(servers, key, OPEN))["account"]["id"]
    await ask_any(servers, key, GRANT, {"key": "first", "amount": str(GRANTED)})
    assert "account" in await ask_any(servers, key, SET_ALERTS, {"account": account, "tokens": THRESHOLDS})
    hosts = [f"127.0.0.1:{server.port}" for server in servers]

    def watchers(document: str) -> list[Watcher]:
        return [
            Watcher(order, key, account, stream, document)
            for stream in (over_a_socket, over_an_event_stream)
            for order in (hosts, hosts[::-1])
        ]

    balances, warned = watchers(BALANCE), watchers(WARNINGS)
    async with in_background(watcher.watch() for watcher in [*balances, *warned]) as watching:
        await eventually(lambda: all(watcher.seen for watcher in balances), what="everyone has a snapshot")
        async with in_background([pay(order) for order in (servers, servers[::-1]) * (PAYERS // 2)]) as paying:
            for server, how in zip(servers, (signal.SIGTERM, signal.SIGKILL), strict=True):
                before = len(paid)
                await eventually(lambda: len(paid) > before + CHARGES_MIN // 4, what="both serve")  # noqa: B023 - awaited
                status = await asyncio.to_thread(server.end, how)
                assert status == (0 if how is signal.SIGTERM else -how)
                before = len(paid)
                await eventually(lambda: len(paid) > before + CHARGES_MIN // 4, what="one serves")  # noqa: B023 - awaited
                server.start()
                await server.is_ready()
            await eventually(lambda: len(paid) > CHARGES_MIN, what="all thresholds are crossed")
            enough.set()
            await asyncio.gather(*paying)
        state = (await ask_any(servers, key, STATE))["balance"]
        crossed = [event["id"] for event in await pages_of(servers, key, ALERTS, "alertEvents")]
        await healed_after(
            lambda: (
                all(watcher.seen[-1] == state for watcher in balances)
                and all({told["id"] for told in watcher.seen} == set(crossed) for watcher in warned)
            ),
            servers[0].url.replace("/graphql", "/healthz"),
            lambda: f"{[watcher.seen[-1:] for watcher in balances]} instead of {state}, {len(crossed)} crossings",
        )
        # Who listened to nothing of it is told of each as well, once.
        late = watchers(WARNINGS)[0]
        async with in_background([late.watch()]):
            await eventually(lambda: len(late.seen) == len(crossed), what="the late one is told")
        assert not [task for task in watching if task.done()]
    entries = await pages_of(servers, key, ENTRIES, "entries")

    assert [entry["version"] for entry in entries] == [*range(state["version"], 0, -1)], "the journal has no gap"
    assert set(paid) <= {entry["version"] for entry in entries}, "what was acknowledged is there"
    assert len(crossed) == len(set(crossed)) == len(THRESHOLDS), "each threshold once, whichever process crossed it"
    assert {told["id"] for told in late.seen} == set(crossed)
    available_after = {entry["version"]: entry["availableAfter"] for entry in entries}
    for watcher in balances:
        positions = [(event["version"], event["asOf"]) for event in watcher.seen]
        assert positions == sorted(set(positions)), "versions only rise, also from one connection to the next"
        assert all(event["available"] == available_after[event["version"]] for event in watcher.seen)
    for watcher in [*balances, *warned]:
        if watcher.stream is over_a_socket:
            from_the_first = (CloseCode.SERVICE_RESTART,) if watcher.hosts == hosts else ()
            assert tuple(watcher.closed_with[: len(from_the_first)]) == from_the_first, "told to come again at once"
            assert {*watcher.closed_with} <= {CloseCode.SERVICE_RESTART, CloseCode.ABNORMAL_CLOSURE}
    for watcher in warned:
        for told in watcher.subscriptions:
            ids = [warning["id"] for warning in told]
            assert len(ids) == len(set(ids)), "once on one subscription"
