"""A browser with a client token, at a server as it is served: what it may, and when that ends, by the real clock."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from server.composition import Services, open_services
from server.edge.configuration import Edge
from server.edge.graphql_socket import PROTOCOL
from services.accounts import AccountRecord
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey
from services.principal import Principal
from services.tenants import CreatedTenant
from tests.faults.proxy import Proxy
from tests.server.edge.serving import hosted

PATIENCE_SECONDS = 10.0
ENDED_WITHIN_SECONDS = 5.0
BALANCE = "/api/v2/balance"
EDGE = Edge(introspection=False, graphiql=False)


@dataclass
class Shopfront:
    """A server on loopback with two accounts of one tenant, alice's and bob's."""

    services: Services
    address: str
    backend: Principal
    alice: UUID
    bob: UUID

    async def token(self, **details: Any) -> str:
        created = await self.services.client_tokens.create(self.backend, self.alice, **details)
        assert isinstance(created, CreatedClientToken)
        return created.token

    def browser(self, credential: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {credential}"}
        return httpx.AsyncClient(base_url=f"http://{self.address}", headers=headers)

    def socket(self) -> connect:
        return connect(f"ws://{self.address}/graphql", subprotocols=[Subprotocol(PROTOCOL)])


@pytest.fixture
async def shopfront(dsn: str) -> AsyncIterator[Shopfront]:
    async with open_services(dsn, root_key="the root key") as services:
        tenant = await services.tenants.create_tenant(
            slug="ours", name="Ours", mode=TenantMode.TEST, price_book="node-studio"
        )
        assert isinstance(tenant, CreatedTenant)
        backend = await services.credentials.authenticate(tenant.secret_key)
        assert backend is not None
        accounts = [
            await services.accounts.create(
                tenant.tenant_id, external_id=name, name=name, kind=AccountKind.PERSONAL, time_zone="UTC"
            )
            for name in ("alice", "bob")
        ]
        ids = [account.account_id for account in accounts if isinstance(account, AccountRecord)]
        async with hosted(services, EDGE) as address:
            yield Shopfront(services, address, backend, *ids)


async def asked(browser: httpx.AsyncClient, query: str) -> Any:
    response = await browser.post("/graphql", json={"query": query})
    return response.json()


async def subscribed(client: ClientConnection, credential: str) -> dict[str, Any]:
    """Begins to watch the balance of the credential's own account; the first event."""
    await client.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {credential}"}}))
    assert json.loads(await client.recv()) == {"type": "connection_ack"}
    query = "subscription { balance { accountId available } }"
    await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": query}}))
    async with asyncio.timeout(PATIENCE_SECONDS):
        event: dict[str, Any] = json.loads(await client.recv())
    return event


async def seconds_until_closed(client: ClientConnection) -> float:
    started = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code == 4403
    return time.perf_counter() - started


async def test_a_browser_reads_its_own_account_without_naming_it(shopfront: Shopfront) -> None:
    async with shopfront.browser(await shopfront.token()) as browser:
        account = (await asked(browser, "{ account { externalId balance { available } } }"))["data"]["account"]
        accounts = (await asked(browser, "{ accounts { totalCount nodes { externalId } } }"))["data"]["accounts"]
        balance = await browser.get(BALANCE)
        named = await browser.get(BALANCE, params={"account": "alice"})
        prices = await browser.get("/prices", headers={"accept": "text/html"})

    assert account["externalId"] == "alice"
    assert accounts == {"totalCount": 1, "nodes": [{"externalId": "alice"}]}
    assert balance.status_code == named.status_code == prices.status_code == 200
    assert balance.json() == named.json()


async def test_another_account_of_the_tenant_is_as_one_that_never_was(shopfront: Shopfront) -> None:
    never = public_id(IdKind.ACCOUNT, uuid4())
    bobs = public_id(IdKind.ACCOUNT, shopfront.bob)
    key = await shopfront.services.credentials.create_api_key(
        shopfront.backend, name="partner", kind=ApiKeyKind.PARTNER, account_id=shopfront.alice
    )
    assert isinstance(key, CreatedApiKey)
    for credential in (await shopfront.token(), key.key):
        async with shopfront.browser(credential) as browser:
            answers = [await browser.get(BALANCE, params={"account": name}) for name in ("bob", "nobody")]
            shown = [await asked(browser, f'{{ account(id: "{id}") {{ id }} }}') for id in (bobs, never)]
            found = [
                (await asked(browser, f'{{ accounts(search: "{name}") {{ totalCount nodes {{ id }} }} }}'))["data"]
                for name in ("bob", "nobody")
            ]
        assert {answer.status_code for answer in answers} == {404}
        bodies = [answer.json()["error"] for answer in answers]
        assert [body.pop("request_id") for body in bodies]
        assert bodies[0] == bodies[1]
        assert shown[0] == shown[1]
        assert shown[0]["data"] == {"account": None}
        assert found[0] == found[1] == {"accounts": {"totalCount": 0, "nodes": []}}


async def test_an_admin_renames_its_account_and_sets_no_credit_line_plan_or_freeze(shopfront: Shopfront) -> None:
    own = public_id(IdKind.ACCOUNT, shopfront.alice)
    async with shopfront.browser(await shopfront.token(role=MemberRole.ADMIN)) as browser:
        renamed = await asked(
            browser,
            f'mutation {{ updateAccount(input: {{accountId: "{own}", name: "Alice & Co", timeZone: "Europe/Berlin"}}) '
            "{ ... on AccountSuccess { account { name timeZone } } } }",
        )
        refused = [
            await asked(
                browser,
                f'mutation {{ updateAccount(input: {{accountId: "{own}", name: "X", {more}}}) {{ __typename }} }}',
            )
            for more in ("creditLimit: -1", "creditLimit: null", "frozen: false", 'planId: "pro"', "planId: null")
        ]
        name = await asked(browser, "{ account { name creditLimit } }")

    assert renamed["data"]["updateAccount"]["account"] == {"name": "Alice & Co", "timeZone": "Europe/Berlin"}
    assert {answer["errors"][0]["extensions"]["code"] for answer in refused} == {"FORBIDDEN"}
    assert name["data"]["account"] == {"name": "Alice & Co", "creditLimit": "0"}


@pytest.mark.parametrize("credential", ["é" * 40, "fbx_client_test_" + "é" * 150, "x" * 20_000, "fbx_client_test_."])
async def test_what_is_no_credential_opens_nothing(shopfront: Shopfront, credential: str) -> None:
    headers = {"authorization": f"Bearer {credential}".encode()}
    async with httpx.AsyncClient(base_url=f"http://{shopfront.address}") as browser:
        answer = await browser.get(BALANCE, headers=headers)
    async with shopfront.socket() as client:
        await client.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {credential}"}}))
        assert await seconds_until_closed(client) < ENDED_WITHIN_SECONDS

    assert answer.status_code == 401


async def test_a_stream_ends_when_its_token_does(shopfront: Shopfront) -> None:
    token = await shopfront.token(ttl_seconds=2)
    ends_at = datetime.now(UTC) + timedelta(seconds=2)
    async with shopfront.socket() as client:
        event = await subscribed(client, token)
        await seconds_until_closed(client)
        late = (datetime.now(UTC) - ends_at).total_seconds()

    assert event["payload"]["data"]["balance"]["accountId"] == public_id(IdKind.ACCOUNT, shopfront.alice)
    assert -0.5 < late < ENDED_WITHIN_SECONDS


async def test_streams_end_within_five_seconds_of_a_revocation_that_another_process_made(
    shopfront: Shopfront, dsn: str
) -> None:
    """One by its account, one by its key, and a third is spared."""
    second = await shopfront.services.credentials.create_api_key(shopfront.backend, name="second")
    third = await shopfront.services.credentials.create_api_key(
        shopfront.backend, name="partner", kind=ApiKeyKind.PARTNER, account_id=shopfront.bob
    )
    assert isinstance(second, CreatedApiKey)
    assert isinstance(third, CreatedApiKey)
    other = await shopfront.services.credentials.authenticate(second.key)
    assert other is not None
    bobs = await shopfront.services.client_tokens.create(other, shopfront.bob)
    assert isinstance(bobs, CreatedClientToken)
    async with (
        open_services(dsn, root_key="the root key") as elsewhere,
        shopfront.socket() as by_account,
        shopfront.socket() as by_key,
        shopfront.socket() as spared,
    ):
        await subscribed(by_account, await shopfront.token())
        await subscribed(by_key, bobs.token)
        await subscribed(spared, third.key)
        assert await elsewhere.client_tokens.revoke(shopfront.backend, shopfront.alice) is None
        await elsewhere.credentials.revoke_api_key(shopfront.backend, second.key_id)
        waited = await asyncio.gather(seconds_until_closed(by_account), seconds_until_closed(by_key))
        await spared.send(json.dumps({"type": "ping"}))
        assert json.loads(await spared.recv()) == {"type": "pong"}

    assert max(waited) < ENDED_WITHIN_SECONDS


async def test_streams_end_in_time_also_when_the_database_is_away_meanwhile(shopfront: Shopfront, dsn: str) -> None:
    """What has expired ends without it; what was revoked ends once it is back; of the others it says nothing."""
    async with (
        Proxy(dsn) as proxy,
        open_services(proxy.dsn, root_key="the root key") as services,
        hosted(services, EDGE) as address,
    ):
        far = replace(shopfront, services=services, address=address)
        async with far.socket() as brief, far.socket() as revoked, far.socket() as spared:
            await subscribed(spared, await shopfront.token(ttl_seconds=3_600))
            bobs = await shopfront.services.client_tokens.create(shopfront.backend, shopfront.bob)
            assert isinstance(bobs, CreatedClientToken)
            await subscribed(revoked, bobs.token)
            await subscribed(brief, await shopfront.token(ttl_seconds=2))
            proxy.refuse()
            assert await shopfront.services.client_tokens.revoke(shopfront.backend, shopfront.bob) is None
            assert await seconds_until_closed(brief) < 2 + ENDED_WITHIN_SECONDS
            assert (spared.close_code, revoked.close_code) == (None, None)

            await proxy.listen()
            assert await seconds_until_closed(revoked) < ENDED_WITHIN_SECONDS
            assert spared.close_code is None
