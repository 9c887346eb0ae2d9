"""Where events come from: Farebox, and rivals that are handed the very message which Farebox sends."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Final, Protocol, Self
from uuid import UUID

import asyncpg

from benchmarks.contenders import statement
from benchmarks.http_connection import post
from benchmarks.http_pool import HttpPool
from benchmarks.live_client import Subscription, subscription_of
from benchmarks.web_server import Served
from rules.identity import parse_public_id

DOCUMENT: Final = """subscription Balance($accountId: ID) {
  balance(accountId: $accountId) {
    id accountId version asOf total held owed available level remainingPercent unlimited
  }
}"""
"""What a counter on a screen shows."""

RESERVE: Final = """mutation Reserve($input: ReserveInput!) {
  reserve(input: $input) { __typename ... on ReserveSuccess { replayed balance { version } } }
}"""

_CREATE: Final = """mutation Create($input: CreateAccountInput!) {
  createAccount(input: $input) { ... on AccountSuccess { account { id } } }
}"""
_GRANT: Final = """mutation Grant($input: GrantTokensToManyInput!) {
  grantTokensToMany(input: $input) { ... on GrantTokensToManySuccess { failures { __typename } } }
}"""
_GRANTS_AT_ONCE_MAX: Final = 1_000
_GRANTED: Final = 1_000_000_000

CONNECTIONS: Final = 8
"""Kept ones over which changes are asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made; when it was asked for by the clock that Postgres stamps commits with."""

    account: str
    version: int
    asked_ns: int


class Source(Protocol):
    """A server that tells subscribers of changes."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    @property
    def served(self) -> Served:
        """Its process."""

    def subscription(self, account: str) -> Subscription:
        """What a subscriber of an account says."""

    async def change(self, account: str) -> Change:
        """Changes something; returns with the answer."""

    async def committed_ns(self, change: Change) -> int:
        """When it was committed: from then on subscribers can be told."""


class FareboxSource:
    """Farebox over its public API; an async context manager that owns the connections it asks over."""

    name = "Farebox"

    def __init__(self, served: Served, key: str, dsn: str) -> None:
        self.served = served
        self.key = key
        self._dsn = dsn
        self._numbers = count(1)
        self._pool = HttpPool(served.port, CONNECTIONS)
        self._lifetime = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self._pool)
            self._database = await asyncpg.connect(self._dsn)
            starting.push_async_callback(self._database.close)
            self._lifetime = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifetime.aclose()

    async def open_accounts(self, names: Sequence[str]) -> list[str]:
        """Makes accounts that have tokens; their ids."""

        async def create(name: str) -> str:
            answer = await self._ask(_CREATE, {"externalId": name, "name": name})
            return str(answer["createAccount"]["account"]["id"])

        accounts: list[str] = []
        for first in range(0, len(names), _GRANTS_AT_ONCE_MAX):
            some = names[first : first + _GRANTS_AT_ONCE_MAX]
            accounts += await asyncio.gather(*map(create, some))
            grant = {"accountExternalIds": list(some), "amount": _GRANTED, "idempotencyKey": "a start"}
            answer = await self._ask(_GRANT, grant)
            if answer["grantTokensToMany"]["failures"]:
                raise RuntimeError(f"tokens were not granted: {answer}")
        return accounts

    def subscription(self, account: str) -> Subscription:
        """What a subscriber of an account says."""
        return subscription_of(DOCUMENT, {"accountId": account}, account, self.key)

    def reserve(self, account: str) -> bytes:
        """A whole request that sets one token aside, under a new key."""
        return post("/graphql", {"query": RESERVE, "variables": {"input": self._reserve_input(account)}}, self.key)

    async def change(self, account: str) -> Change:
        """Sets one token aside."""
        request = self.reserve(account)
        async with self._pool.lend() as connection:
            asked_ns = time.time_ns()
            body = await connection.ask(request)
        return Change(account, reserved_version(body), asked_ns)

    async def committed_ns(self, change: Change) -> int:
        """When it was committed. Postgres takes the instant just before it waits for the disk."""
        found = await self._database.fetchval(
            statement("find_commit_instant"), _account_id_of(change.account), change.version
        )
        return int(found) * 1_000

    def _reserve_input(self, account: str) -> dict[str, Any]:
        key = f"reserve {next(self._numbers)}"
        return {"accountId": account, "idempotencyKey": key, "work": {"amount": "1"}, "ttlSeconds": 86_400}

    async def _ask(self, query: str, input: dict[str, Any]) -> dict[str, Any]:
        async with self._pool.lend() as connection:
            body = await connection.ask(post("/graphql", {"query": query, "variables": {"input": input}}, self.key))
        answer: dict[str, Any] = json.loads(body)
        if "errors" in answer:
            raise RuntimeError(f"the server answered {answer['errors']}")
        return dict(answer["data"])


class ToldSource:
    """A rival that is told what to send; an async context manager that owns the connection it is told over.

    `message` is a message that Farebox sent, which goes out again and again with a version of its own.
    """

    def __init__(self, name: str, served: Served, message: bytes) -> None:
        self.name = name
        self.served = served
        self._message = message
        self._version = 0
        self._begun_ns: dict[int, int] = {}
        self._pool = HttpPool(served.port, 1)

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        # Who subscribes is sent the latest, so there must be one.
        await self.change("")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    def subscription(self, account: str) -> Subscription:
        """What a subscriber says."""
        return subscription_of(DOCUMENT, {}, account, "nobody asks for it")

    async def change(self, account: str) -> Change:
        """Has the message sent with the next version."""
        self._version += 1
        body = numbered(self._message, self._version)
        head = f"POST /tell HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        version = self._version
        async with self._pool.lend() as connection:
            asked_ns = time.time_ns()
            answer = await connection.ask(head + body)
        self._begun_ns[version] = json.loads(answer)["begunNs"]
        return Change(account, version, asked_ns)

    async def committed_ns(self, change: Change) -> int:
        """Nothing is committed: when it began to send."""
        return self._begun_ns.pop(change.version)


def numbered(message: bytes, version: int) -> bytes:
    """The message with this version in place of its own, as long as it was where the version is short enough."""
    changed, times = re.subn(
        rb'("version":)(\d+)', lambda found: found[1] + str(version).rjust(len(found[2])).encode(), message
    )
    if times != 1:
        raise RuntimeError(f"a message without one version: {message!r}")
    return changed


def reserved_version(body: bytes) -> int:
    """The version of a reserve's answer. Raises RuntimeError where nothing was set aside, or only once more."""
    reserved = json.loads(body)["data"]["reserve"]
    if reserved.get("replayed") is not False:
        raise RuntimeError(f"a reserve was answered with {body!r}")
    return int(reserved["balance"]["version"])


def _account_id_of(id: str) -> UUID:
    parsed = parse_public_id(id)
    if parsed is None:
        raise ValueError(f"{id} is no account's id")
    return parsed.owner
