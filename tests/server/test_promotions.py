"""Promotions, workflows and projects through the whole server, as a backend uses them: HTTP in, a database below."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from server.app import build_app
from server.composition import open_services
from server.edge.configuration import Edge

ROOT_KEY = "a-root-key-that-is-long-enough-to-be-one"
CREATE_TENANT = """mutation($slug: String!) {
    createTenant(input: {slug: $slug, name: "A Product", mode: TEST, priceBook: "node-studio"}) {
        ... on CreateTenantSuccess { secretKey } } }"""
CREATE_ACCOUNT = """mutation($input: CreateAccountInput!) { createAccount(input: $input) { __typename
    ... on AccountSuccess { account { id referralCode balance { available } } } ... on InvalidInput { field } } }"""
REDEEM = """mutation($key: String!, $account: String!, $code: String!) {
    redeemPromoCode(input: {idempotencyKey: $key, accountExternalId: $account, code: $code}) { __typename
        ... on GrantSuccess { grant { amount source } replayed } ... on Problem { message } } }"""
GRANT = """mutation($input: GrantTokensInput!) { grantTokens(input: $input) { __typename
    ... on GrantSuccess { grant { id } } } }"""
AVAILABLE = "query($account: String!) { account(externalId: $account) { balance { available } } }"

Send = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def send(dsn: str) -> AsyncIterator[Send]:
    """Sends a document under a key; answers with its data."""
    async with open_services(dsn, root_key=ROOT_KEY) as services:
        transport = httpx.ASGITransport(app=build_app(services, Edge(introspection=False, graphiql=False)))
        async with httpx.AsyncClient(transport=transport, base_url="http://farebox.test") as client:

            async def sent(key: str, query: str, /, **variables: Any) -> dict[str, Any]:
                answer = await client.post(
                    "/graphql",
                    json={"query": query, "variables": variables},
                    headers={"authorization": f"Bearer {key}"},
                )
                content = answer.json()
                assert "errors" not in content, content
                data: dict[str, Any] = content["data"]
                return data

            yield sent


async def a_key(send: Send, slug: str = "studio") -> str:
    key: str = (await send(ROOT_KEY, CREATE_TENANT, slug=slug))["createTenant"]["secretKey"]
    return key


async def an_account(send: Send, key: str, name: str, **more: Any) -> dict[str, Any]:
    created = await send(key, CREATE_ACCOUNT, input={"externalId": name, "name": name, **more})
    account: dict[str, Any] = created["createAccount"]["account"]
    return account


async def available(send: Send, key: str, account: str) -> str:
    tokens: str = (await send(key, AVAILABLE, account=account))["account"]["balance"]["available"]
    return tokens


async def test_a_code_is_made_redeemed_and_counted_and_another_tenant_has_nothing_of_it(send: Send) -> None:
    key, other = await a_key(send), await a_key(send, "another")
    for owner in (key, other):
        await an_account(send, owner, "ann")
    await send(key, 'mutation { createPromoCode(input: {code: "SPRING-26", tokens: "7.5"}) { __typename } }')

    first = await send(key, REDEEM, key="k", account="ann", code="spring 26")
    again = await send(key, REDEEM, key="k", account="ann", code="SPRING26")
    second = await send(key, REDEEM, key="l", account="ann", code="SPRING26")
    foreign = await send(other, REDEEM, key="k", account="ann", code="SPRING26")
    unknown = await send(key, REDEEM, key="m", account="ann", code="NO-SUCH-CODE")

    assert first["redeemPromoCode"]["grant"] == {"amount": "7.5", "source": "PROMO"}
    assert again["redeemPromoCode"] == first["redeemPromoCode"] | {"replayed": True}
    assert "already" in second["redeemPromoCode"]["message"]
    assert foreign["redeemPromoCode"] == unknown["redeemPromoCode"]
    assert await available(send, key, "ann") == "57.5"
    listed = await send(key, "{ promoCodes { totalCount nodes { code redemptions } } }")
    assert listed["promoCodes"] == {"totalCount": 1, "nodes": [{"code": "SPRING-26", "redemptions": 1}]}
    assert (await send(other, "{ promoCodes { totalCount } }"))["promoCodes"] == {"totalCount": 0}


async def test_a_friends_first_purchase_earns_a_tenth_and_gives_it_back_when_it_is_revoked(send: Send) -> None:
    key = await a_key(send)
    code = (await an_account(send, key, "ann"))["referralCode"]
    await an_account(send, key, "ben", referredBy=code.lower())
    refused = await send(key, CREATE_ACCOUNT, input={"externalId": "cy", "name": "Cy", "referredBy": "2" * 16})
    assert refused["createAccount"] == {"__typename": "InvalidInput", "field": "referredBy"}

    purchase = {"idempotencyKey": "p", "accountExternalId": "ben", "amount": "1000", "source": "PURCHASE"}
    grant = (await send(key, GRANT, input=purchase))["grantTokens"]["grant"]["id"]
    assert await available(send, key, "ann") == "150"

    await send(
        key,
        'mutation($id: ID!) { revokeGrant(input: {idempotencyKey: "r", grantId: $id}) { __typename } }',
        id=grant,
    )
    assert await available(send, key, "ann") == "50"


async def test_everyone_gets_a_gift_once(send: Send) -> None:
    key = await a_key(send)
    for name in ("ann", "ben"):
        await an_account(send, key, name)
    gift = """mutation { grantTokensToMany(input: {idempotencyKey: "fair", everyone: true, amount: 5}) {
        ... on GrantTokensToManySuccess { granted replayed endCursor failures { index } } } }"""
    first, again = [(await send(key, gift))["grantTokensToMany"] for _ in range(2)]
    assert first == {"granted": 2, "replayed": 0, "endCursor": None, "failures": []}
    assert again == first | {"granted": 0, "replayed": 2}
    assert [await available(send, key, name) for name in ("ann", "ben")] == ["55", "55"]


async def test_a_saved_workflow_is_charged_to_a_project_that_tells_what_it_cost(send: Send) -> None:
    key = await a_key(send)
    await an_account(send, key, "ann")
    saved = await send(
        key,
        """mutation { saveWorkflow(input: {accountExternalId: "ann", name: "Poster maker", lines: [
            {ref: "image", model: "imagen-4-ultra"}]}) { ... on WorkflowSuccess { workflow { slug version } } } }""",
    )
    assert saved["saveWorkflow"]["workflow"] == {"slug": "poster-maker", "version": 1}
    await send(
        key,
        """mutation { saveProject(input: {accountExternalId: "ann", name: "film", estimate: 100, bufferPercent: 10}) {
            __typename } }""",
    )
    charged = await send(
        key,
        """mutation { charge(input: {idempotencyKey: "c", accountExternalId: "ann", project: "film",
            work: {workflow: {name: "Poster maker"}}}) { ... on CommitSuccess { amount } } }""",
    )
    project = await send(key, '{ project(accountExternalId: "ann", name: "film") { budget actual } }')
    assert project["project"] == {"budget": "110", "actual": charged["charge"]["amount"]}
