"""The Python client gql, with its own transports over httpx and websockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportClosed, TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed

from tests.faults.proxy import Proxy

URL = os.environ["CONFORMANCE_URL"]
AUTHORIZATION = f"Bearer {os.environ['CONFORMANCE_KEY']}"
REFUSED = AUTHORIZATION[:-6] + "000000"
PATIENCE_SECONDS = 20.0

OPEN = """mutation ($external: String!) {
  createAccount(input: {externalId: $external, name: "gql"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation ($id: ID!) {
  grantTokens(input: {idempotencyKey: "first", accountId: $id, amount: 100}) { ... on GrantSuccess { replayed } }
}"""
RESERVE = """mutation ($key: String!, $id: ID!) {
  reserve(input: {idempotencyKey: $key, accountId: $id, work: {amount: "5"}}) {
    ... on ReserveSuccess { hold { id } } ... on Problem { message }
  }
}"""
COMMIT = """mutation ($key: String!, $hold: ID!) {
  commit(input: {idempotencyKey: $key, holdId: $hold, actual: {amount: "3"}}) {
    ... on CommitSuccess { balance { version asOf available } } ... on Problem { message }
  }
}"""
QUERY = "query ($id: ID!) { account(id: $id) { balance { version asOf available } } }"
BALANCE = "subscription ($id: ID!) { balance(accountId: $id) { version asOf available } }"


@asynccontextmanager
async def over_http(authorization: str = AUTHORIZATION) -> AsyncIterator[Any]:
    async with Client(transport=HTTPXAsyncTransport(url=URL, headers={"Authorization": authorization})) as session:
        yield session


def by_websocket(url: str, authorization: str = AUTHORIZATION) -> Client:
    return Client(transport=WebsocketsTransport(url=url, init_payload={"authorization": authorization}))


async def ask(session: Any, document: str, **variables: Any) -> dict[str, Any]:
    answer = await session.execute(GraphQLRequest(document, variable_values=variables))
    (result,) = answer.values()
    return dict(result)


async def fare(session: Any, account: str, key: str) -> dict[str, Any]:
    """Reserves 5 and commits 3; the balance then."""
    hold = (await ask(session, RESERVE, key=key, id=account))["hold"]["id"]
    return dict((await ask(session, COMMIT, key=key, hold=hold))["balance"])


@pytest.fixture
async def account() -> str:
    """Of one's own, with 100 tokens more than it began with."""
    async with over_http() as session:
        opened = (await ask(session, OPEN, external=f"gql-{uuid4()}"))["account"]["id"]
        assert await ask(session, GRANT, id=opened) == {"replayed": False}
    return str(opened)


async def test_asks_and_changes_over_http(account: str) -> None:
    async with over_http() as session:
        before = (await ask(session, QUERY, id=account))["balance"]
        after = await fare(session, account, "http")
    assert int(after["available"]) == int(before["available"]) - 3


async def test_asks_and_changes_over_the_socket(account: str) -> None:
    async with by_websocket(URL.replace("http", "ws", 1)) as session:
        before = (await ask(session, QUERY, id=account))["balance"]
        after = await fare(session, account, "socket")
        assert (await ask(session, QUERY, id=account))["balance"] == after
    assert int(after["available"]) == int(before["available"]) - 3


async def test_is_told_over_http_that_its_key_is_refused(account: str) -> None:
    async with over_http(REFUSED) as session:
        with pytest.raises(TransportQueryError, match="UNAUTHENTICATED"):
            await ask(session, QUERY, id=account)


async def test_is_told_over_the_socket_that_its_key_is_refused() -> None:
    with pytest.raises((TransportConnectionFailed, ConnectionClosed)) as refusal:
        async with by_websocket(URL.replace("http", "ws", 1), REFUSED):
            pass
    cause = refusal.value.__cause__ or refusal.value
    assert "4403" in str(cause)


async def test_sees_a_commit_live_comes_back_when_the_socket_is_cut_and_ends_on_the_balance(account: str) -> None:
    seen: list[dict[str, Any]] = []
    more = asyncio.Condition()
    connections = 0

    async def see(balance: dict[str, Any]) -> None:
        async with more:
            seen.append(balance)
            more.notify_all()

    async def watch(url: str) -> None:
        nonlocal connections
        while True:
            # Its subscriptions end with the connection: whoever uses it begins them again.
            with suppress(TransportClosed, TransportConnectionFailed, ConnectionClosed, OSError):
                async with by_websocket(url) as session:
                    connections += 1
                    request = GraphQLRequest(BALANCE, variable_values={"id": account})
                    async for event in session.subscribe(request):
                        await see(event["balance"])
            await asyncio.sleep(0.2)

    async def reaches(version: int) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS), more:
            await more.wait_for(lambda: seen and seen[-1]["version"] >= version)
            return seen[-1]

    async with Proxy(URL) as wire, over_http() as session:
        now = (await ask(session, QUERY, id=account))["balance"]
        task = asyncio.create_task(watch(wire.url.replace("http", "ws", 1)))
        try:
            assert await reaches(0) == now, "a snapshot comes first"
            live = await fare(session, account, "live")
            assert await reaches(live["version"]) == live

            wire.refuse()
            missed = await fare(session, account, "while it was cut")
            await wire.listen()
            assert await reaches(missed["version"]) == missed
            assert connections == 2
            last = await fare(session, account, "after it was cut")
            assert await reaches(last["version"]) == last
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    versions = [(balance["version"], balance["asOf"]) for balance in seen]
    assert versions == sorted(versions)
