"""Everybody who watches is right within three seconds, whichever process commits and whichever dies.

Real server processes, sockets and event streams; what breaks is killed or stopped by the kernel.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from server.data_directory import find_owner
from server.edge.event_stream import KEEP_ALIVE_SECONDS
from services.live.bus import CHANNEL
from tests.faults.healing_time import HEALED_SECONDS_MAX, healed_after
from tests.faults.live_clients import (
    BALANCE,
    WARNINGS,
    Watcher,
    ask_any,
    in_background,
    over_a_socket,
    over_an_event_stream,
)
from tests.faults.processes import processes_of, signal_all
from tests.faults.served import ANSWER_SECONDS_MAX, Server, served
from tests.patience import eventually
from tests.redis_server import RedisServer, running_redis

A_ROOT_KEY: Final = "a-root-key-that-is-long-enough-to-be-one"
CHARGES: Final = 10
TOKENS: Final = 1_000
THRESHOLDS: Final = [str(TOKENS - CHARGES - 1 - 2 * number) for number in range(10)]
"""One is crossed by each fault's charge."""
POSTGRES_FROZEN_SECONDS: Final = 2.5
"""Longer than a read waits for its answer."""
REDIS_FROZEN_SECONDS: Final = HEALED_SECONDS_MAX + 1.0
"""So that a process is right by comparison alone."""

OPEN = """mutation {
  createAccount(input: {externalId: "rider", name: "Rider"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($tokens: Tokens!) {
  grantTokens(input: {idempotencyKey: "g", accountExternalId: "rider", amount: $tokens}) {
    ... on GrantSuccess { replayed }
  }
}"""
SET_ALERTS = """mutation ($account: ID!, $tokens: [Tokens!]!) {
  setAlerts(input: {accountId: $account, lowBalancePercents: [], lowBalanceTokens: $tokens}) {
    ... on AccountSuccess { account { id } } ... on Problem { message }
  }
}"""
CHARGE = """mutation ($key: String!) {
  charge(input: {idempotencyKey: $key, accountExternalId: "rider", work: {amount: "1"}}) {
    ... on CommitSuccess { balance { version available } } ... on Problem { message }
  }
}"""
RESERVE = """mutation ($key: String!) {
  reserve(input: {idempotencyKey: $key, accountExternalId: "rider", work: {amount: "1"}}) {
    ... on ReserveSuccess { hold { id } balance { version } } ... on Problem { message }
  }
}"""
DAY = """subscription ($account: ID!, $since: Version) {
  dailyLimit(accountId: $account, sinceVersion: $since) { version asOf consumed }
}"""
USAGE = """subscription ($account: ID!) {
  usage(accountId: $account) { version asOf snapshot today { tokens } rows { tokens } }
}"""
HOLDS = """subscription ($account: ID!) {
  holds(accountId: $account) { version asOf snapshot openCount holds { id state } }
}"""
DOCUMENTS: Final = (BALANCE, DAY, WARNINGS, USAGE, HOLDS)


# Not one that gives up before the server's keep-alive: each subscription that begins has the account read, for all.
over_a_patient_event_stream: Final = partial(over_an_event_stream, silence_seconds_max=2 * KEEP_ALIVE_SECONDS)


@dataclass(slots=True)
class Account:
    """What the account has come to by all that was acknowledged."""

    id: str = ""
    version: int = 0
    charged: int = 0
    open_holds: set[str] = field(default_factory=set)
    crossed: int = 0

    def is_shown_by(self, watcher: Watcher) -> bool:
        """Whether the client knows all of it."""
        if not watcher.seen:
            return False
        last = watcher.seen[-1]
        if watcher.document == WARNINGS:
            return len({warning["id"] for warning in watcher.seen}) == self.crossed
        if watcher.document == USAGE:
            return bool(last["today"]["tokens"] == str(self.charged))
        if watcher.document == HOLDS:
            return open_holds_of(watcher) == self.open_holds
        return bool(last["version"] == self.version)


def open_holds_of(watcher: Watcher) -> set[str]:
    """Those that a client has on its screen."""
    found: set[str] = set()
    for event in next(told for told in reversed(watcher.subscriptions) if told):
        if event["snapshot"]:
            found.clear()
        for hold in event["holds"]:
            (found.add if hold["state"] == "OPEN" else found.discard)(hold["id"])
    return found


@dataclass(slots=True)
class Installation:
    """Servers on one database, the first one's own, and the Redis that carries their bus if any."""

    servers: Sequence[Server]
    redis: RedisServer | None
    account: Account = field(default_factory=Account)

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.1:{server.port}" for server in self.servers]

    @property
    def key(self) -> str:
        return self.servers[0].key

    @property
    def dsn(self) -> str:
        owner = find_owner(self.servers[0].data_dir)
        assert owner is not None
        assert owner.dsn is not None
        return owner.dsn

    async def open_account(self) -> None:
        self.account.id = (await self.ask(OPEN))["account"]["id"]
        assert await self.ask(GRANT, {"tokens": str(TOKENS)}) == {"replayed": False}
        assert "account" in await self.ask(SET_ALERTS, {"account": self.account.id, "tokens": THRESHOLDS})

    async def charge(self, key: str) -> None:
        balance = (await self.ask(CHARGE, {"key": key}))["balance"]
        self.account.charged += 1
        self.account.version = balance["version"]

    async def change(self, key: str) -> None:
        """Charges a token, which crosses a threshold, and sets one aside."""
        await self.charge(key)
        self.account.crossed += 1
        reserved = await self.ask(RESERVE, {"key": f"hold of {key}"})
        self.account.open_holds.add(reserved["hold"]["id"])
        self.account.version = reserved["balance"]["version"]

    async def ask(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        return await ask_any(self.servers, self.key, document, variables)

    async def all_is_up(self) -> None:
        """Also the bus, not only the comparison that makes up for it."""
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:

            async def bus_is_up(server: Server) -> bool:
                with suppress(httpx.TransportError):
                    answer = await client.get(server.url.replace("/graphql", "/readyz"))
                    return all(check == "ok" for check in answer.json()["checks"].values())
                return False

            for server in self.servers:
                await eventually(partial(bus_is_up, server), what=f"{server.url} is well")

    async def lose_bus_connections(self) -> None:
        if self.redis is not None:
            assert await self.redis.kill_clients() == 4
            return
        connection = await asyncpg.connect(self.dsn)
        killed = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'farebox bus %'"
        )
        await connection.close()
        assert len(killed) == 4

    async def repeat_messages(self) -> None:
        """What the bus carries of some charges comes again, twice, in another order, behind later ones."""
        heard: list[str] = []
        if self.redis is None:
            connection = await asyncpg.connect(self.dsn)
            await connection.add_listener(CHANNEL, lambda *message: heard.append(str(message[-1])))
            await self._charge_until_heard(heard)
            for message in shuffled_twice(heard):
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, message)
            await connection.close()
            return
        async with Redis.from_url(self.redis.url, protocol=2, decode_responses=True) as redis, redis.pubsub() as pubsub:
            await pubsub.psubscribe(f"{CHANNEL}:*")
            (channel,) = await redis.pubsub_channels(f"{CHANNEL}:*")

            async def listen() -> None:
                async for message in pubsub.listen():
                    if message["type"] == "pmessage":
                        heard.append(message["data"])  # noqa: PERF401 - it goes on for ever

            async with in_background([listen()]):
                await self._charge_until_heard(heard)
            for message in shuffled_twice(heard):
                assert await redis.publish(channel, message) >= 2

    async def _charge_until_heard(self, heard: list[str]) -> None:
        for number in range(CHARGES):
            await self.charge(f"heard {number}")
        await eventually(lambda: len(heard) >= 2, what="the bus carries messages")

    async def restart_redis(self) -> None:
        assert self.redis is not None
        self.redis.end()
        self.redis.start()

    async def freeze_redis(self) -> None:
        """It answers nothing and refuses nothing, beyond the change that is made next."""
        assert self.redis is not None
        process_id = self.redis.process_id
        os.kill(process_id, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(REDIS_FROZEN_SECONDS, os.kill, process_id, signal.SIGCONT)

    async def freeze_postgres(self) -> None:
        frozen = processes_of(self.servers[0].data_dir)
        signal_all(frozen, signal.SIGSTOP)
        await asyncio.sleep(POSTGRES_FROZEN_SECONDS)
        signal_all(frozen, signal.SIGCONT)

    async def kill_postgres(self) -> None:
        """Until it is there again."""
        dsn = self.dsn
        signal_all(processes_of(self.servers[0].data_dir), signal.SIGKILL)

        async def is_there() -> bool:
            try:
                connection = await asyncpg.connect(dsn)
            except (OSError, asyncpg.PostgresError):
                return False
            await connection.close()
            return True

        await eventually(is_there, what="Postgres takes connections")

    async def kill_a_server(self) -> None:
        if len(self.servers) > 1:
            self.servers[-1].end(signal.SIGKILL)
            self.servers = self.servers[:-1]
            return
        processes = self.servers[0].web_processes
        assert len(processes) == 2
        os.kill(processes[0], signal.SIGKILL)


def shuffled_twice(messages: Sequence[str]) -> list[str]:
    again = [*messages, *messages]
    Random(7).shuffle(again)
    return again


@pytest.fixture(params=["postgres", "redis"])
def installation(request: pytest.FixtureRequest, memory_path: Path) -> Iterator[Installation]:
    """One server of two processes, or two servers."""
    home = memory_path / "home"
    if request.param == "postgres":
        with served(home, processes=2) as server:
            yield Installation([server], None)
        return
    settings = {"FAREBOX_ROOT_KEY": A_ROOT_KEY}
    with running_redis(memory_path / "redis") as redis, served(home, 1, BUS_URL=redis.url, **settings) as server:
        asyncio.run(server.is_ready())
        settings["DATABASE_URL"] = Installation([server], redis).dsn
        with served(memory_path / "away", 1, BUS_URL=redis.url, **settings) as other:
            yield Installation([server, other], redis)


async def test_everybody_is_right_in_three_seconds_whatever_breaks(installation: Installation) -> None:
    for server in installation.servers:
        await server.is_ready()
    await installation.open_account()
    account = installation.account
    faults: list[Callable[[], Awaitable[None]]] = [installation.repeat_messages, installation.lose_bus_connections]
    if installation.redis is None:
        faults += [installation.freeze_postgres]
    else:
        faults += [installation.freeze_redis, installation.restart_redis]
    faults += [installation.kill_postgres, installation.kill_a_server]
    everyone = [
        Watcher(hosts, installation.key, account.id, stream, document)
        for document in DOCUMENTS
        for stream in (over_a_socket, over_a_patient_event_stream)
        for hosts in [installation.hosts, installation.hosts[::-1]] * 2
    ]

    def who_is_wrong() -> list[Watcher]:
        return [watcher for watcher in everyone if not account.is_shown_by(watcher)]

    def told() -> str:
        return "; ".join(
            f"{watcher.document.split('{')[1].split('(')[0].strip()} shows {watcher.seen[-1:]}"
            f" on subscription {len(watcher.begun_at)}"
            for watcher in who_is_wrong()
        )

    async def is_healed(fault: str) -> None:
        """From the end of the fault until a change that is asked for then is on everybody's screen."""
        changing = asyncio.create_task(installation.change(f"after {fault}"))
        probe = installation.servers[0].url.replace("/graphql", "/healthz")
        await healed_after(lambda: changing.done() and not who_is_wrong(), probe, lambda: f"{fault}: {told()}")
        await changing

    async with in_background(watcher.watch() for watcher in everyone) as watching:
        quiet = [watcher for watcher in everyone if watcher.document == WARNINGS]
        await eventually(
            lambda: all(watcher.seen if watcher not in quiet else watcher.begun_at for watcher in everyone),
            what="everyone has the first snapshot",
        )
        for fault in faults:
            await fault()
            await is_healed(fault.__name__)
            await installation.all_is_up()
        assert not [task for task in watching if task.done()]

    for watcher in everyone:
        order = [(event["version"], event.get("asOf", "")) for event in watcher.seen]
        if watcher.document != WARNINGS:
            # A snapshot comes first on every new connection, perhaps the one shown last.
            assert order == sorted(order), "never backwards"
        for told_at_once in watcher.subscriptions:
            check_one_subscription(watcher.document, told_at_once)


def check_one_subscription(document: str, told: list[dict[str, Any]]) -> None:
    if document == WARNINGS:
        ids = [warning["id"] for warning in told]
        assert len(ids) == len(set(ids)), "each crossing once"
        return
    order = [(event["version"], event["asOf"]) for event in told]
    assert order == sorted(set(order)), "strictly rising"
    if document == USAGE:
        added = 0
        for event in told:
            assert event["snapshot"] is (event is told[0])
            added += sum(int(row["tokens"]) for row in event["rows"])
            assert event["today"]["tokens"] == str(added), "nothing twice, and nothing lost"
