"""A thousand commits while sockets, the bus and LISTEN connections are cut at random: nobody sees a wrong number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.served import ANSWER_SECONDS_MAX, Server, served
from tests.services.ledger.cashier import eventually
from tests.services.live.cable import Cable

COMMITS = 1_000
PAYERS = 8
GRANTED = 5_000
WATCHERS = 3
CUT_GAP_SECONDS = (0.02, 0.2)
CUTS_MIN = 15
CONVERGENCE_SECONDS_MAX = 12.0
"""The promise is three seconds; a busy machine is no fault."""
SILENCE_SECONDS_MAX = 2.0
"""What a client waits for a pong before it takes its socket for dead, as it has to: a cut may say nothing."""
RETRY_SECONDS = 0.05

OPEN = """mutation {
  createAccount(input: {externalId: "rider", name: "Rider"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($amount: Tokens!) {
  grantTokens(input: {idempotencyKey: "g", accountExternalId: "rider", amount: $amount}) {
    ... on GrantSuccess { replayed }
  }
}"""
RESERVE = """mutation ($key: String!) {
  reserve(input: {idempotencyKey: $key, accountExternalId: "rider", work: {amount: "3"}}) {
    ... on ReserveSuccess { hold { id } } ... on Problem { message }
  }
}"""
COMMIT = """mutation ($key: String!, $hold: ID!, $amount: Tokens!) {
  commit(input: {idempotencyKey: $key, holdId: $hold, actual: {amount: $amount}}) {
    ... on CommitSuccess { balance { version } } ... on Problem { message }
  }
}"""
STATE = """query {
  account(externalId: "rider") { balance { version asOf available } }
}"""
ENTRIES = """query ($after: String) {
  account(externalId: "rider") {
    entries(first: 100, after: $after, afterVersion: 0) {
      nodes { version availableAfter } pageInfo { hasNextPage endCursor }
    }
  }
}"""
BALANCE = """subscription ($account: ID!, $since: Version) {
  balance(accountId: $account, sinceVersion: $since) { version asOf available }
}"""


@dataclass(slots=True)
class Caller:
    """One connection to the server, so to one of its processes."""

    server: Server
    client: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def of(cls, server: Server) -> AsyncIterator[Caller]:
        headers = {"Authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, headers=headers, verify=False) as client:
            yield cls(server, client)

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = await self.client.post(self.server.url, json={"query": document, "variables": variables})
        body = answer.json()
        assert "errors" not in body, body
        (result,) = body["data"].values()
        return dict(result)


@dataclass(slots=True)
class Watcher:
    """A client that takes its balance from a socket and, whenever that is lost, resumes where it was."""

    url: str
    key: str
    account: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    sockets: int = 0

    async def watch(self) -> None:
        while True:
            try:
                await self._watch_once()
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch_once(self) -> None:
        async with connect(
            self.url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            ping_interval=SILENCE_SECONDS_MAX / 2,
            ping_timeout=SILENCE_SECONDS_MAX / 2,
            open_timeout=SILENCE_SECONDS_MAX,
            close_timeout=SILENCE_SECONDS_MAX,
        ) as socket:
            initial = {"type": "connection_init", "payload": {"authorization": f"Bearer {self.key}"}}
            await socket.send(json.dumps(initial))
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            variables = {"account": self.account, "since": self.seen[-1]["version"] if self.seen else None}
            payload = {"query": BALANCE, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            self.sockets += 1
            async for text in socket:
                message = json.loads(text)
                assert message["type"] == "next", message
                self.seen.append(message["payload"]["data"]["balance"])


async def pay(server: Server, numbers: Iterator[int], paid: list[int]) -> None:
    """Reserves three tokens and pays one or two, over and over."""
    async with Caller.of(server) as caller:
        for number in numbers:
            hold = (await caller.ask(RESERVE, key=f"hold {number}"))["hold"]["id"]
            answer = await caller.ask(COMMIT, key=f"pay {number}", hold=hold, amount=str(1 + number % 2))
            assert "balance" in answer, answer
            paid.append(number)


async def cut_at_random(random: Random, ways: dict[str, Callable[[], Awaitable[None]]], made: list[str]) -> None:
    while True:
        await asyncio.sleep(random.uniform(*CUT_GAP_SECONDS))
        way = random.choice([*ways])
        await ways[way]()
        made.append(way)


async def end_sessions(database: asyncpg.Connection, purpose: str) -> None:
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = $1",
        purpose,
    )


async def test_a_thousand_commits_are_seen_rising_and_to_the_end_whatever_is_cut(dsn: str, tmp_path: Path) -> None:
    made: list[str] = []
    with served(tmp_path / "data", processes=2, DATABASE_URL=dsn) as server:
        await server.is_ready()
        async with (
            Caller.of(server) as caller,
            Cable(f"postgresql://x@127.0.0.1:{server.port}/graphql") as cable,
            a_connection(dsn) as database,
        ):
            account = (await caller.ask(OPEN))["account"]["id"]
            await caller.ask(GRANT, amount=str(GRANTED))
            url = f"ws://{urlsplit(cable.dsn).netloc.rpartition('@')[2]}/graphql"
            watchers = [Watcher(url, server.key, account) for _ in range(WATCHERS)]
            async with in_background(watcher.watch() for watcher in watchers) as watching:
                await eventually(lambda: all(watcher.seen for watcher in watchers), what="everyone has a snapshot")
                async with in_background([cut_at_random(Random(1_000), ways_to_cut(cable, database), made)]):
                    paid: list[int] = []
                    numbers = iter(range(COMMITS))
                    await asyncio.gather(*(pay(server, numbers, paid) for _ in range(PAYERS)))
                assert len(paid) == COMMITS
                state = (await caller.ask(STATE))["balance"]
                await eventually(
                    lambda: all(watcher.seen[-1] == state for watcher in watchers) or any(t.done() for t in watching),
                    within_seconds=CONVERGENCE_SECONDS_MAX,
                    what=f"everyone has come to {state}",
                )
                assert not [task for task in watching if task.done()]
            entries = await every_entry(caller)

    assert len(made) >= CUTS_MIN, made
    assert set(made) == WAYS, made
    assert [*entries] == [*range(1, state["version"] + 1)], "the journal has no gap"
    for watcher in watchers:
        positions = [(event["version"], event["asOf"]) for event in watcher.seen]
        assert positions == sorted(set(positions)), "versions only rise, also from one socket to the next"
        assert watcher.sockets > 1, "its socket was cut"
        for event in watcher.seen:
            assert event["available"] == entries[event["version"]], "no number was ever wrong"


WAYS = {"sockets cut", "sockets silent", "LISTEN", "NOTIFY"}


def ways_to_cut(cable: Cable, database: asyncpg.Connection) -> dict[str, Callable[[], Awaitable[None]]]:
    async def cut() -> None:
        cable.cut()

    async def silence() -> None:
        cable.go_silent()

    return {
        "sockets cut": cut,
        "sockets silent": silence,
        "LISTEN": lambda: end_sessions(database, "farebox bus listener"),
        "NOTIFY": lambda: end_sessions(database, "farebox bus publisher"),
    }


async def every_entry(caller: Caller) -> dict[int, str]:
    """What was available after each version, in rising order."""
    found: list[tuple[int, str]] = []
    after: str | None = None
    while True:
        page = (await caller.ask(ENTRIES, after=after))["entries"]
        found.extend((entry["version"], entry["availableAfter"]) for entry in page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            return dict(reversed(found))
        after = page["pageInfo"]["endCursor"]


@asynccontextmanager
async def a_connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def in_background(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
