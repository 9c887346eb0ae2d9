"""Every subscriber sees every change, whichever process made it: over real sockets, on two server processes."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from server.edge.graphql_socket import PROTOCOL
from tests.faults.served import ANSWER_SECONDS_MAX, START_SECONDS_MAX, Server, served
from tests.services.ledger.cashier import eventually

SOCKETS = 8
"""Enough that both processes have some; the kernel shares connections out."""

CHARGES = 20
CONVERGENCE_SECONDS_MAX = 10.0
"""The promise is three seconds; a busy machine is no fault."""

OPEN = """mutation {
  createAccount(input: {externalId: "rider", name: "Rider"}) { ... on AccountSuccess { account { id } } }
}"""
GRANT = """mutation {
  grantTokens(input: {idempotencyKey: "g", accountExternalId: "rider", amount: 50}) { ... on GrantSuccess { replayed } }
}"""
CHARGE = """mutation ($key: String!) {
  charge(input: {idempotencyKey: $key, accountExternalId: "rider", work: {amount: "1"}}) {
    ... on CommitSuccess { balance { version } } ... on Problem { message }
  }
}"""
RESUMED = """subscription ($account: ID!, $since: Version) {
  balance(accountId: $account, sinceVersion: $since) { version }
}"""
BALANCE = "subscription ($account: ID!) { balance(accountId: $account) { version asOf available } }"


async def ask(server: Server, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    # A connection for each request, so that requests reach both processes.
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
        answer = await client.post(
            server.url,
            json={"query": document, "variables": variables or {}},
            headers={"Authorization": f"Bearer {server.key}"},
        )
    body = answer.json()
    assert "errors" not in body, body
    (result,) = body["data"].values()
    return dict(result)


async def watch(server: Server, account: str, seen: list[tuple[int, str]], until: int) -> None:
    transport = WebsocketsTransport(
        url=server.url.replace("http://", "ws://"), init_payload={"authorization": f"Bearer {server.key}"}
    )
    async with Client(transport=transport) as session:
        async for event in session.subscribe(GraphQLRequest(BALANCE, variable_values={"account": account})):
            balance = event["balance"]
            seen.append((balance["version"], balance["asOf"]))
            if balance["version"] >= until:
                assert balance["available"] == str(50 - CHARGES)
                return


async def test_subscribers_of_both_processes_see_the_last_of_many_charges_and_only_rising(tmp_path: Path) -> None:
    with served(tmp_path / "data", processes=2) as server:
        await server.is_ready()
        account = (await ask(server, OPEN))["account"]["id"]
        assert await ask(server, GRANT) == {"replayed": False}
        last = 1 + 2 * CHARGES  # The grant, then HOLD and CAPTURE of each charge.
        seen: list[list[tuple[int, str]]] = [[] for _ in range(SOCKETS)]
        async with asyncio.TaskGroup() as group, asyncio.timeout(ANSWER_SECONDS_MAX + CONVERGENCE_SECONDS_MAX):
            for events in seen:
                group.create_task(watch(server, account, events, last))
            await eventually(lambda: all(seen), what="everyone has the first snapshot")
            for number in range(CHARGES):
                assert "balance" in await ask(server, CHARGE, {"key": f"charge {number}"})

        for events in seen:
            assert events[0][0] == 1, "a snapshot comes first"
            assert events == sorted(set(events)), "only ever rising"
            assert events[-1][0] == last


async def test_a_client_that_resumes_after_a_restart_has_lost_nothing(tmp_path: Path) -> None:
    """Charges go on while the server is told to stop; what was acknowledged is what the resumed client sees."""
    acknowledged = [1]

    async def charge_for_ever(server: Server) -> None:
        for number in count():
            result = await ask(server, CHARGE, {"key": f"charge {number}"})
            if "balance" in result:
                acknowledged.append(result["balance"]["version"])

    with served(tmp_path / "data", processes=2) as server:
        await server.is_ready()
        account = (await ask(server, OPEN))["account"]["id"]
        assert await ask(server, GRANT) == {"replayed": False}
        client = await connected(server)
        async with client, asyncio.timeout(START_SECONDS_MAX):
            await begin(client, account)
            charging = asyncio.create_task(charge_for_ever(server))
            seen = [await version_of(client)]
            await eventually(lambda: len(acknowledged) > 3, what="some charges are acknowledged")
            stopping = asyncio.create_task(asyncio.to_thread(server.end, signal.SIGTERM))
            with suppress(ConnectionClosed):
                while True:
                    seen.append(await version_of(client))
            assert client.close_code == CloseCode.SERVICE_RESTART
            assert await stopping == 0
            with suppress(httpx.TransportError, ValueError):
                await charging

        server.start()
        await server.is_ready()
        async with await connected(server) as client, asyncio.timeout(START_SECONDS_MAX):
            await begin(client, account, since=seen[-1])
            if acknowledged[-1] > seen[-1]:
                seen.append(await version_of(client))
            assert seen[-1] >= acknowledged[-1]
            assert seen == sorted(set(seen)), "only ever rising"
            latest = (await ask(server, CHARGE, {"key": "the last one"}))["balance"]["version"]
            while seen[-1] < latest:
                seen.append(await version_of(client))

        assert seen == sorted(set(seen)), "and nothing twice"


async def connected(server: Server) -> ClientConnection:
    client = await connect(server.url.replace("http://", "ws://"), subprotocols=[Subprotocol(PROTOCOL)])
    payload = {"authorization": f"Bearer {server.key}"}
    await client.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await client.recv()) == {"type": "connection_ack"}
    return client


async def begin(client: ClientConnection, account: str, since: int | None = None) -> None:
    variables = {"account": account, "since": since}
    payload = {"query": RESUMED, "variables": variables}
    await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": payload}))


async def version_of(client: ClientConnection) -> int:
    event = json.loads(await client.recv())
    assert event["type"] == "next", event
    return int(event["payload"]["data"]["balance"]["version"])
