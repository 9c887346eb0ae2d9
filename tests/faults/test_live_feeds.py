"""Usage and holds add up for every subscriber, whichever process was asked: over real sockets, on two of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from tests.faults.healing_time import healed_after
from tests.faults.served import ANSWER_SECONDS_MAX, Server, served
from tests.patience import eventually

SOCKETS = 8
"""Enough that both processes have some; the kernel shares connections out."""

CHARGES = 20

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
USAGE = "subscription ($account: ID!) { usage(accountId: $account) { snapshot today { tokens } rows { tokens } } }"
HOLDS = "subscription ($account: ID!) { holds(accountId: $account) { snapshot openCount holds { id state } } }"


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


async def events_of(server: Server, account: str, document: str) -> AsyncIterator[dict[str, Any]]:
    """What a socket of its own is told."""
    transport = WebsocketsTransport(
        url=server.url.replace("http://", "ws://"), init_payload={"authorization": f"Bearer {server.key}"}
    )
    async with Client(transport=transport) as session:
        async for event in session.subscribe(GraphQLRequest(document, variable_values={"account": account})):
            (told,) = event.values()
            yield told


async def watch_usage(server: Server, account: str, begun: list[str]) -> None:
    """Until all charges are told of: those of the day, and one by one what was added."""
    added = 0
    async with aclosing(events_of(server, account, USAGE)) as events:
        async for told in events:
            assert told["snapshot"] is (not begun)
            begun.append(told["today"]["tokens"])
            added += sum(int(row["tokens"]) for row in told["rows"])
            assert told["today"]["tokens"] == str(added), "nothing twice, and nothing lost"
            if added >= CHARGES:
                return


async def watch_holds(server: Server, account: str, begun: set[str]) -> None:
    """Until every hold is told of to its end."""
    async with aclosing(events_of(server, account, HOLDS)) as events:
        async for told in events:
            begun.add("" if told["snapshot"] else "more")
            begun |= {hold["id"] for hold in told["holds"] if hold["state"] == "COMMITTED"}
            if len(begun) == 2 + CHARGES:
                assert told["openCount"] == 0
                return


async def test_every_charge_and_every_hold_is_told_of_once_in_both_processes(tmp_path: Path) -> None:
    with served(tmp_path / "data", processes=2) as server:
        await server.is_ready()
        account = (await ask(server, OPEN))["account"]["id"]
        assert await ask(server, GRANT) == {"replayed": False}
        usage: list[list[str]] = [[] for _ in range(SOCKETS)]
        holds: list[set[str]] = [set() for _ in range(SOCKETS)]
        async with asyncio.TaskGroup() as group, asyncio.timeout(2 * ANSWER_SECONDS_MAX):
            watching = [group.create_task(watch_usage(server, account, told)) for told in usage]
            watching += [group.create_task(watch_holds(server, account, ended)) for ended in holds]
            await eventually(lambda: all(usage) and all(holds), what="everyone has the first snapshot")
            for number in range(CHARGES):
                assert "balance" in await ask(server, CHARGE, {"key": f"charge {number}"})
            await healed_after(
                lambda: all(task.done() for task in watching),
                server.url.replace("/graphql", "/healthz"),
                lambda: f"told are {usage} and {holds}",
            )
