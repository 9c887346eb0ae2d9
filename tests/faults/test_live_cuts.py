"""A thousand commits while sockets, event streams and the bus are cut at random: nobody sees a wrong number.

Nor does anybody miss a warning, or get one twice on one subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from tests.faults.healing_time import healed_after
from tests.faults.live_clients import (
    BALANCE,
    SILENCE_SECONDS_MAX,
    WARNINGS,
    Watcher,
    in_background,
    over_a_socket,
    over_an_event_stream,
)
from tests.faults.served import ANSWER_SECONDS_MAX, Server, served
from tests.patience import eventually
from tests.services.live.cable import Cable

COMMITS = 1_000
PAYERS = 8
GRANTED = 5_000
COMMITS_BETWEEN_GIFTS = 100
GIFT = 120
"""Tokens that come in now and then, fewer than were spent, so that thresholds are armed and crossed again."""
WATCHERS = 2
"""Of each kind."""
THRESHOLDS = [str(tokens) for tokens in range(4_995, 3_995, -100)]
CROSSINGS_MIN = 8
CUT_GAP_SECONDS = (0.02, 0.2)
CUTS_MIN = 15

OPEN = """mutation {
  createAccount(input: {externalId: "rider", name: "Rider"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($key: String!, $amount: Tokens!) {
  grantTokens(input: {idempotencyKey: $key, accountExternalId: "rider", amount: $amount}) {
    ... on GrantSuccess { replayed }
  }
}"""
SET_ALERTS = """mutation ($account: ID!, $tokens: [Tokens!]!) {
  setAlerts(input: {accountId: $account, lowBalancePercents: [], lowBalanceTokens: $tokens}) {
    ... on AccountSuccess { account { id } } ... on Problem { message }
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
ALERTS = """query ($after: String) {
  account(externalId: "rider") {
    alertEvents(first: 100, after: $after, kinds: [LOW_BALANCE]) {
      nodes { id } pageInfo { hasNextPage endCursor }
    }
  }
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


async def pay(server: Server, numbers: Iterator[int], paid: list[int]) -> None:
    """Reserves three tokens and pays one or two, over and over."""
    async with Caller.of(server) as caller:
        for number in numbers:
            hold = (await caller.ask(RESERVE, key=f"hold {number}"))["hold"]["id"]
            answer = await caller.ask(COMMIT, key=f"pay {number}", hold=hold, amount=str(1 + number % 2))
            assert "balance" in answer, answer
            paid.append(number)
            if len(paid) % COMMITS_BETWEEN_GIFTS == 0:
                await caller.ask(GRANT, key=f"gift {len(paid)}", amount=str(GIFT))


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
            await caller.ask(GRANT, key="first", amount=str(GRANTED))
            assert "account" in await caller.ask(SET_ALERTS, account=account, tokens=THRESHOLDS)
            # One is crossed from the start, so that whoever is cut off at once knows where to resume.
            await pay(server, iter([COMMITS, COMMITS + 1, COMMITS + 2, COMMITS + 3]), [])
            host = urlsplit(cable.address).netloc.rpartition("@")[2]
            by_document = {
                document: [
                    Watcher([host], server.key, account, stream, document)
                    for stream in (over_a_socket, over_an_event_stream)
                    for _ in range(WATCHERS)
                ]
                for document in (BALANCE, WARNINGS)
            }
            everyone = [*by_document[BALANCE], *by_document[WARNINGS]]
            async with in_background(watcher.watch() for watcher in everyone) as watching:
                await eventually(lambda: all(watcher.seen for watcher in everyone), what="everyone has a snapshot")
                async with in_background([cut_at_random(Random(1_000), ways_to_cut(cable, database), made)]) as cutting:
                    paid: list[int] = []
                    numbers = iter(range(COMMITS))
                    await asyncio.gather(*(pay(server, numbers, paid) for _ in range(PAYERS)))
                    assert not cutting[0].done()
                assert len(paid) == COMMITS
                state = (await caller.ask(STATE))["balance"]
                crossed = await every_crossing(caller)
                await healed_after(
                    lambda: (
                        any(task.done() for task in watching)
                        or (
                            all(watcher.seen[-1] == state for watcher in by_document[BALANCE])
                            and all(
                                {told["id"] for told in watcher.seen} >= crossed for watcher in by_document[WARNINGS]
                            )
                        )
                    ),
                    server.url.replace("/graphql", "/healthz"),
                    lambda: f"not everyone has come to {state} and heard of {len(crossed)} crossings",
                    own_seconds=SILENCE_SECONDS_MAX,
                )
                assert not [task for task in watching if task.done()]
            entries = await every_entry(caller)

    assert len(made) >= CUTS_MIN, made
    assert set(made) == WAYS, made
    assert [*entries] == [*range(1, state["version"] + 1)], "the journal has no gap"
    for watcher in everyone:
        assert len(watcher.begun_at) > 2, "its connection was cut"
    for watcher in by_document[BALANCE]:
        positions = [(event["version"], event["asOf"]) for event in watcher.seen]
        assert positions == sorted(set(positions)), "versions only rise, also from one connection to the next"
        for event in watcher.seen:
            assert event["available"] == entries[event["version"]], "no number was ever wrong"
    assert len(crossed) >= CROSSINGS_MIN
    for watcher in by_document[WARNINGS]:
        assert {told["id"] for told in watcher.seen} == crossed, "each crossing, and nothing else"
        for told in watcher.subscriptions:
            ids = [warning["id"] for warning in told]
            assert len(ids) == len(set(ids)), "once on one subscription"


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


async def every_crossing(caller: Caller) -> set[str]:
    """The ids of all thresholds crossed so far."""
    found: set[str] = set()
    after: str | None = None
    while True:
        page = (await caller.ask(ALERTS, after=after))["alertEvents"]
        found |= {event["id"] for event in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


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
