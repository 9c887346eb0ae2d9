"""Every subscriber sees every change, whichever process made it and whatever breaks: real sockets, two processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

from server.data_directory import find_owner
from tests.faults.processes import processes_of, signal_all
from tests.faults.served import ANSWER_SECONDS_MAX, START_SECONDS_MAX, Server, served
from tests.patience import eventually
from tests.redis_server import RedisServer, running_redis

SOCKETS = 8
"""Enough that both processes have some; the kernel shares connections out."""

CHARGES = 20
TOKENS = 50
CONVERGENCE_SECONDS_MAX = 10.0
"""The promise is three seconds; a busy machine is no fault."""

RETRY_SECONDS = 0.05

OPEN = """mutation {
  createAccount(input: {externalId: "rider", name: "Rider"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($tokens: Tokens!) {
  grantTokens(input: {idempotencyKey: "g", accountExternalId: "rider", amount: $tokens}) {
    ... on GrantSuccess { replayed }
  }
}"""
CHARGE = """mutation ($key: String!) {
  charge(input: {idempotencyKey: $key, accountExternalId: "rider", work: {amount: "1"}}) {
    ... on CommitSuccess { balance { version available } } ... on Problem { message }
  }
}"""
BALANCE = "subscription ($account: ID!) { balance(accountId: $account) { version asOf available } }"


@dataclass(slots=True)
class Installation:
    """A server of two processes, and the Redis that carries its bus if any."""

    server: Server
    redis: RedisServer | None
    account: str = ""

    async def open_account(self) -> None:
        self.account = (await self.ask(OPEN))["account"]["id"]
        assert await self.ask(GRANT, {"tokens": str(TOKENS)}) == {"replayed": False}

    async def charge(self, key: str) -> int:
        """The account's version with this charge."""
        return int((await self.ask(CHARGE, {"key": key}))["balance"]["version"])

    async def ask(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Asks until there is an answer; only what is worth a retry is tried again."""
        async with asyncio.timeout(START_SECONDS_MAX):
            while True:
                # A connection for each request, so that requests reach both processes.
                async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
                    with suppress(httpx.TransportError):
                        answer = await client.post(
                            self.server.url,
                            json={"query": document, "variables": variables or {}},
                            headers={"Authorization": f"Bearer {self.server.key}"},
                        )
                        body = answer.json()
                        if "errors" not in body:
                            (result,) = body["data"].values()
                            return dict(result)
                        assert {error["extensions"]["code"] for error in body["errors"]} == {"UNAVAILABLE"}, body
                await asyncio.sleep(RETRY_SECONDS)

    async def kill_bus_connections(self) -> None:
        if self.redis is not None:
            assert await self.redis.kill_clients() == 4
            return
        owner = find_owner(self.server.data_dir)
        assert owner is not None
        assert owner.dsn is not None
        connection = await asyncpg.connect(owner.dsn)
        killed = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'farebox bus %'"
        )
        await connection.close()
        assert len(killed) == 4

    async def restart_redis(self) -> None:
        if self.redis is not None:
            self.redis.end()
            self.redis.start()

    async def restart_postgres(self) -> None:
        signal_all(processes_of(self.server.data_dir), signal.SIGKILL)

    async def kill_a_server_process(self) -> None:
        processes = self.server.web_processes
        assert len(processes) == 2
        os.kill(processes[0], signal.SIGKILL)


@dataclass(slots=True)
class Socket:
    """A subscriber that connects again whenever it is cut off, and what it saw."""

    seen: list[tuple[int, str]] = field(default_factory=list)
    available: str = ""

    async def watch(self, installation: Installation) -> None:
        while True:
            with suppress(TransportError, OSError):
                await self._watch_once(installation)
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch_once(self, installation: Installation) -> None:
        server = installation.server
        transport = WebsocketsTransport(
            url=server.url.replace("http://", "ws://"), init_payload={"authorization": f"Bearer {server.key}"}
        )
        request = GraphQLRequest(BALANCE, variable_values={"account": installation.account})
        async with Client(transport=transport) as session:
            async for event in session.subscribe(request):
                self.seen.append((event["balance"]["version"], event["balance"]["asOf"]))
                self.available = event["balance"]["available"]


@asynccontextmanager
async def watching(installation: Installation) -> AsyncIterator[list[Socket]]:
    sockets = [Socket() for _ in range(SOCKETS)]
    tasks = [asyncio.create_task(socket.watch(installation)) for socket in sockets]
    try:
        await eventually(lambda: all(socket.seen for socket in sockets), what="everyone has the first snapshot")
        yield sockets
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def all_show(sockets: list[Socket], version: int, after: str) -> None:
    await eventually(
        lambda: all(socket.seen[-1][0] == version for socket in sockets),
        within_seconds=CONVERGENCE_SECONDS_MAX,
        what=f"version {version} is shown after {after}, not {[socket.seen[-1][0] for socket in sockets]}",
    )


@pytest.fixture(params=["postgres", "redis"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    if request.param == "postgres":
        with served(tmp_path / "data", processes=2) as server:
            yield Installation(server, None)
        return
    with running_redis(tmp_path / "redis") as redis, served(tmp_path / "data", 2, BUS_URL=redis.url) as server:
        yield Installation(server, redis)


async def test_subscribers_of_both_processes_are_right_whatever_breaks(installation: Installation) -> None:
    await installation.server.is_ready()
    await installation.open_account()
    faults: list[Callable[[], Awaitable[None]]] = [
        installation.kill_bus_connections,
        installation.restart_redis,
        installation.kill_a_server_process,
        installation.restart_postgres,
    ]
    async with watching(installation) as sockets:
        assert all(socket.seen[0][0] == 1 for socket in sockets), "a snapshot comes first"
        for number in range(CHARGES):
            version = await installation.charge(f"charge {number}")
        assert version == 1 + 2 * CHARGES, "the grant, then HOLD and CAPTURE of each charge"
        await all_show(sockets, version, "many charges")
        for socket in sockets:
            assert socket.seen == sorted(set(socket.seen)), "only ever rising"

        for number, fault in enumerate(faults):
            await fault()
            await all_show(sockets, await installation.charge(f"fault {number}"), fault.__name__)
            # The bus itself is there again, not only the comparison that makes up for it.
            await installation.server.is_ready()
        assert {socket.available for socket in sockets} == {str(TOKENS - CHARGES - len(faults))}

    for socket in sockets:
        # A snapshot comes first on every new connection, perhaps the one shown last.
        assert socket.seen == sorted(socket.seen), "never backwards"
