"""A client that was away catches up through the API as it is served: entries without a gap, a balance that changed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from models.tenant import TenantMode
from server.app import UVICORN_LIMITS, build_app
from server.composition import open_services
from server.edge.configuration import Edge
from server.edge.graphql_socket import PROTOCOL
from services.tenants import CreatedTenant

PATIENCE_SECONDS = 30.0
SETTLED_SECONDS = 0.5
"""For a snapshot that must not come to come nevertheless: it takes some milliseconds."""

GRANT = """mutation ($input: GrantTokensInput!) {
    grantTokens(input: $input) { ... on GrantSuccess { balance { version } } } }"""
CHARGE = "mutation ($input: ReserveInput!) { charge(input: $input) { ... on CommitSuccess { balance { version } } } }"
ADD_MEMBER = """mutation ($input: AddMemberInput!) {
    addMember(input: $input) { ... on MemberSuccess { member { id } } } }"""
CREATE_TOKEN = """mutation ($input: CreateClientTokenInput!) {
    createClientToken(input: $input) { ... on CreateClientTokenSuccess { token } } }"""
ENTRIES = """query ($after: String, $since: Version, $order: EntryOrder, $first: Int) { account(externalId: "alice") {
    balance { version }
    entries(first: $first, after: $after, afterVersion: $since, order: $order) {
        nodes { version memberId kind } pageInfo { hasNextPage endCursor } } } }"""
OWN_ENTRIES = ENTRIES.replace('(externalId: "alice")', "")
BALANCE = """subscription ($id: ID, $since: Version, $member: ID) {
    balance(accountId: $id, sinceVersion: $since, memberId: $member) { version memberId available } }"""


@dataclass
class Shop:
    """A server on loopback with one account, alice's, and the tenant's own client."""

    address: str
    backend: httpx.AsyncClient
    key: str
    numbers: count[int] = field(default_factory=lambda: count(1))

    async def ask(self, query: str, client: httpx.AsyncClient | None = None, **variables: Any) -> Any:
        response = await (client or self.backend).post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self) -> int:
        """One entry more; the version that it made."""
        key = f"grant-{next(self.numbers)}"
        data = await self.ask(GRANT, input={"idempotencyKey": key, "accountExternalId": "alice", "amount": "1"})
        version: int = data["grantTokens"]["balance"]["version"]
        return version

    async def version(self) -> int:
        data = await self.ask('{ account(externalId: "alice") { balance { version } } }')
        version: int = data["account"]["balance"]["version"]
        return version

    async def member(self, account: str, name: str) -> str:
        data = await self.ask(ADD_MEMBER, input={"accountId": account, "externalId": name, "name": name})
        id: str = data["addMember"]["member"]["id"]
        return id

    async def token(self, **details: str) -> str:
        data = await self.ask(CREATE_TOKEN, input=details)
        token: str = data["createClientToken"]["token"]
        return token

    @asynccontextmanager
    async def browser(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"http://{self.address}", headers=headers) as client:
            yield client

    @asynccontextmanager
    async def watching(self, key: str | None = None, **variables: Any) -> AsyncIterator[ClientConnection]:
        """A websocket on which the balance is subscribed to."""
        async with connect(f"ws://{self.address}/graphql", subprotocols=[Subprotocol(PROTOCOL)]) as client:
            payload = {"authorization": f"Bearer {key or self.key}"}
            await client.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await client.recv()) == {"type": "connection_ack"}
            asked = {"query": BALANCE, "variables": variables}
            await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": asked}))
            yield client


@pytest.fixture
async def shop(dsn: str) -> AsyncIterator[Shop]:
    async with open_services(dsn, root_key="the root key") as services:
        tenant = await services.tenants.create_tenant(
            slug="ours", name="Ours", mode=TenantMode.TEST, price_book="ai-playground"
        )
        assert isinstance(tenant, CreatedTenant)
        app = build_app(services, Edge(introspection=False, graphiql=False))
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=2, **UVICORN_LIMITS)
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            running = asyncio.create_task(server._serve([listener]))
            headers = {"authorization": f"Bearer {tenant.secret_key}"}
            async with httpx.AsyncClient(
                base_url=f"http://{address}", headers=headers, timeout=PATIENCE_SECONDS
            ) as backend:
                shop = Shop(address, backend, tenant.secret_key)
                await shop.ask(
                    'mutation { createAccount(input: {externalId: "alice", name: "Alice", kind: TEAM}) { __typename } }'
                )
                yield shop
            server.should_exit = True
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running


async def pages(
    shop: Shop, client: httpx.AsyncClient | None = None, query: str = ENTRIES, **variables: Any
) -> AsyncIterator[list[dict[str, Any]]]:
    """One page after the other, until none follows."""
    after = None
    while True:
        shown = (await shop.ask(query, client, after=after, **variables))["account"]["entries"]
        yield shown["nodes"]
        if not shown["pageInfo"]["hasNextPage"]:
            return
        after = shown["pageInfo"]["endCursor"]


async def test_who_reads_upwards_while_others_write_ends_with_every_version_and_goes_on_from_there(shop: Shop) -> None:
    known = await shop.version()
    for _ in range(10):
        await shop.change()

    async def write() -> None:
        for _ in range(10):
            await shop.change()

    writers = [asyncio.create_task(write()) for _ in range(4)]
    received: list[int] = []
    rounds = 0
    while True:
        done = all(writer.done() for writer in writers)
        async for nodes in pages(shop, since=known + len(received), order="OLDEST_FIRST", first=3):
            received += [node["version"] for node in nodes]
            assert received == list(range(known + 1, known + 1 + len(received)))
        rounds += 1
        if done:
            break
    await asyncio.gather(*writers)

    assert rounds > 1
    assert received == list(range(known + 1, known + 51))
    assert await shop.version() == known + 50


async def test_the_newest_first_have_all_that_was_there_when_the_first_page_was_read(shop: Shop) -> None:
    known = await shop.version()
    for _ in range(8):
        await shop.change()
    received: list[int] = []
    async for nodes in pages(shop, since=known, first=3):
        received += [node["version"] for node in nodes]
        await shop.change()
    first_seen = received[0]
    later = [node["version"] async for nodes in pages(shop, since=first_seen) for node in nodes]

    assert received == list(range(first_seen, known, -1))
    assert first_seen == known + 8
    assert later == list(range(known + 11, first_seen, -1))


async def test_a_cursor_and_a_version_say_the_same_of_where_to_go_on(shop: Shop) -> None:
    known = await shop.version()
    for _ in range(3):
        await shop.change()
    first = (await shop.ask(ENTRIES, since=known, order="OLDEST_FIRST", first=1))["account"]["entries"]
    cursor = first["pageInfo"]["endCursor"]
    by_cursor = (await shop.ask(ENTRIES, after=cursor, order="OLDEST_FIRST"))["account"]["entries"]
    by_version = (await shop.ask(ENTRIES, since=known + 1, order="OLDEST_FIRST"))["account"]["entries"]
    both = (await shop.ask(ENTRIES, after=cursor, since=known + 2, order="OLDEST_FIRST"))["account"]["entries"]
    none = (await shop.ask(ENTRIES, since=known + 3, order="OLDEST_FIRST"))["account"]["entries"]

    assert by_cursor == by_version
    assert [node["version"] for node in by_cursor["nodes"]] == [known + 2, known + 3]
    assert [node["version"] for node in both["nodes"]] == [known + 3]
    assert none == {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_a_member_catches_up_on_all_that_it_may_see_and_on_nothing_else(shop: Shop) -> None:
    account = (await shop.ask('{ account(externalId: "alice") { id } }'))["account"]["id"]
    ids = {name: await shop.member(account, name) for name in ("anna", "ben")}
    known = await shop.version()
    await shop.change()
    for number in range(6):
        for member in ids.values():
            work = {"accountId": account, "memberId": member, "work": {"amount": "0.1"}}
            charged = await shop.ask(CHARGE, input={"idempotencyKey": f"{member}-{number}", **work})
            assert charged["charge"]["balance"]
        await shop.change()
    token = await shop.token(accountId=account, memberId=ids["anna"])

    everything = [node async for nodes in pages(shop, since=known, order="OLDEST_FIRST", first=100) for node in nodes]
    async with shop.browser(token) as browser:
        seen = [
            node
            async for nodes in pages(shop, browser, OWN_ENTRIES, since=known, order="OLDEST_FIRST", first=4)
            for node in nodes
        ]

    assert [node["version"] for node in everything] == list(range(known + 1, await shop.version() + 1))
    assert {node["memberId"] for node in everything} == {None, ids["anna"], ids["ben"]}
    assert seen == [node for node in everything if node["memberId"] != ids["ben"]]
    assert len(seen) < len(everything)


async def next_balance(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        event = json.loads(await client.recv())
    assert event["type"] == "next", event
    balance: dict[str, Any] = event["payload"]["data"]["balance"]
    return balance


@pytest.mark.parametrize("of_a_member", [False, True])
async def test_a_client_that_missed_nothing_is_sent_nothing_until_something_changes(
    shop: Shop, of_a_member: bool
) -> None:
    account = (await shop.ask('{ account(externalId: "alice") { id } }'))["account"]["id"]
    member = await shop.member(account, "anna") if of_a_member else None
    current = await shop.change()
    async with shop.watching(id=account, since=current, member=member) as client:
        await asyncio.sleep(SETTLED_SECONDS)
        changed = await shop.change()
        first = await next_balance(client)

    # The first event of all: had the snapshot been sent, it would have come before.
    assert (first["version"], first["memberId"]) == (changed, member)
    assert changed == current + 1


@pytest.mark.parametrize("ahead", [-1, 1, 1_000, None])
async def test_a_client_that_knows_another_version_or_none_is_sent_the_balance_at_once(
    shop: Shop, ahead: int | None
) -> None:
    account = (await shop.ask('{ account(externalId: "alice") { id } }'))["account"]["id"]
    current = await shop.change()
    since = None if ahead is None else current + ahead
    async with shop.watching(id=account, since=since) as client:
        assert (await next_balance(client))["version"] == current


async def test_who_was_cut_off_resumes_with_the_balance_and_reads_what_lay_between(shop: Shop) -> None:
    token = await shop.token(accountExternalId="alice")
    async with shop.watching(token) as client:
        last_seen = (await next_balance(client))["version"]
        client.transport.abort()
    for _ in range(5):
        await shop.change()

    async with shop.browser(token) as browser, shop.watching(token, since=last_seen) as client:
        balance = await next_balance(client)
        between = [
            node["version"]
            async for nodes in pages(shop, browser, OWN_ENTRIES, since=last_seen, order="OLDEST_FIRST", first=2)
            for node in nodes
        ]

    assert balance["version"] == last_seen + 5
    assert between == list(range(last_seen + 1, balance["version"] + 1))
