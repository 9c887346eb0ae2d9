"""Trusted documents over the wire: asked for by their hash, and, where the server is told so, nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rules.ledger.outcomes import HoldEffect
from server.app import build_app
from server.edge.configuration import Edge
from server.edge.http_requests import DOCUMENT_ID_LENGTH_MAX
from server.trusted_manifest import hash_of
from tests.resolvers.stage import ACCOUNT_ID, SECRET_KEY, Stage, a_balance, a_hold

GRAPHQL = "application/graphql-response+json"
VIEWER = "query Who { viewer { kind } }"
PRICE = "query Price($m: String!) { price(model: $m) { model } }"
TWO = "query a { viewer { kind } } query b { viewer { tenantId } }"
RESERVE = (
    'mutation ($account: ID!) { reserve(input: {idempotencyKey: "k", accountId: $account, work: {amount: 1}}) '
    "{ __typename } }"
)
PAGES = "query ($n: Int) { accounts(first: $n) { nodes { holds(first: $n) { nodes { id } } } } }"
TEXTS = {hash_of(text): text for text in (VIEWER, PRICE, TWO, RESERVE, PAGES)}
UNKNOWN = "sha256:" + "0" * 64


def id_of(text: str) -> str:
    return f"sha256:{hash_of(text)}"


def apollos(hash: Any, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}, **more}


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())
    return stage


def a_client(stage: Stage, *, texts: dict[str, str] = TEXTS, only: bool = False) -> httpx.AsyncClient:
    edge = Edge(introspection=False, graphiql=False, trusted_texts=texts, only_trusted=only)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=build_app(stage, edge)),
        base_url="http://farebox.test",
        headers={"authorization": f"Bearer {SECRET_KEY}", "accept": GRAPHQL},
    )


def the_error(response: httpx.Response) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    assert "data" not in response.json()
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return error


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"documentId": id_of(VIEWER)}, {"viewer": {"kind": "SECRET"}}),
        ({"documentId": hash_of(VIEWER)}, {"viewer": {"kind": "SECRET"}}),
        ({"documentId": id_of(VIEWER), "query": None}, {"viewer": {"kind": "SECRET"}}),
        ({"documentId": id_of(VIEWER), "query": ""}, {"viewer": {"kind": "SECRET"}}),
        ({"documentId": id_of(PRICE), "variables": {"m": "flux"}}, {"price": {"model": "flux"}}),
        ({"documentId": id_of(TWO), "operationName": "a"}, {"viewer": {"kind": "SECRET"}}),
        (apollos(hash_of(VIEWER)), {"viewer": {"kind": "SECRET"}}),
        (apollos(id_of(VIEWER)), {"viewer": {"kind": "SECRET"}}),
        (apollos(hash_of(PRICE), variables={"m": "flux"}, operationName="Price"), {"price": {"model": "flux"}}),
        (apollos("0" * 64, documentId=id_of(VIEWER)), {"viewer": {"kind": "SECRET"}}),
    ],
)
async def test_a_trusted_document_is_asked_for_by_its_hash(
    stage: Stage, body: dict[str, Any], data: dict[str, Any], only: bool
) -> None:
    in_url = {name: json.dumps(part) if isinstance(part, dict) else part for name, part in body.items() if part}
    async with a_client(stage, only=only) as client:
        posted = await client.post("/graphql", json=body)
        got = await client.get("/graphql", params=in_url)
        streamed = await client.post("/graphql", json=body, headers={"accept": "text/event-stream"})

    assert streamed.text.startswith(f"event: next\ndata: {posted.text}\n\n")
    for response in (posted, got):
        assert response.status_code == 200
        assert response.json()["data"] == data
        assert response.json()["extensions"]["cost"]["requested"] == 1


async def test_a_mutation_runs_by_its_hash_but_never_by_get(stage: Stage) -> None:
    variables = {"account": ACCOUNT_ID}
    async with a_client(stage) as client:
        got = await client.get("/graphql", params={"documentId": id_of(RESERVE), "variables": json.dumps(variables)})
        assert stage.fares.calls == []
        posted = await client.post("/graphql", json={"documentId": id_of(RESERVE), "variables": variables})

    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert posted.json()["data"] == {"reserve": {"__typename": "ReserveSuccess"}}


@pytest.mark.parametrize("texts", [TEXTS, {}])
@pytest.mark.parametrize("id", [UNKNOWN, "balance", hash_of(VIEWER).upper(), f"sha1:{hash_of(VIEWER)}", "x-a:b", " "])
async def test_an_id_that_nobody_knows_is_one_clear_error(stage: Stage, texts: dict[str, str], id: str) -> None:
    async with a_client(stage, texts=texts) as client:
        posted = await client.post("/graphql", json={"documentId": id})
        got = await client.get("/graphql", params={"documentId": id})
        lenient = await client.post("/graphql", json={"documentId": id}, headers={"accept": "application/json"})

    assert (posted.status_code, got.status_code, lenient.status_code) == (400, 400, 200)
    for response in (posted, got, lenient):
        assert the_error(response)["extensions"]["code"] == "DOCUMENT_NOT_FOUND"
        assert "FAREBOX_TRUSTED_DOCUMENTS" in the_error(response)["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"documentId": id_of(VIEWER), "query": VIEWER}, "not both"),
        ({"documentId": id_of(VIEWER), "query": 5}, "not both"),
        ({"documentId": ""}, "documentId"),
        ({"documentId": 5}, "documentId"),
        ({"documentId": ["a"]}, "documentId"),
        ({"documentId": "a" * (DOCUMENT_ID_LENGTH_MAX + 1)}, "documentId"),
        (apollos(None), "sha256Hash"),
        (apollos(""), "sha256Hash"),
        (apollos("a" * (DOCUMENT_ID_LENGTH_MAX + 1)), "sha256Hash"),
        ({"extensions": {"persistedQuery": 5}}, "`query`"),
        ({"extensions": {}}, "`query`"),
        ({"documentId": None}, "`query`"),
        ([{"documentId": id_of(VIEWER)}], "batches"),
    ],
)
async def test_what_cannot_be_meant_is_a_bad_request(stage: Stage, body: Any, said: str) -> None:
    async with a_client(stage) as client:
        response = await client.post("/graphql", json=body)

    assert response.status_code == 400
    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in the_error(response)["message"]


@pytest.mark.parametrize("hash", [hash_of(VIEWER), id_of(VIEWER)])
async def test_where_only_trusted_documents_are_taken_a_text_is_taken_beside_the_hash_that_it_has(
    stage: Stage, hash: str
) -> None:
    body = apollos(hash, query=VIEWER)
    async with a_client(stage, only=True) as client:
        taken = await client.post("/graphql", json=body)
        others = [
            await client.post("/graphql", json=apollos(other, query=text))
            for other, text in (
                (hash, f"{VIEWER} "),
                (hash, TWO),
                (hash_of(VIEWER).upper(), VIEWER),
                (hash_of("{ __typename }"), "{ __typename }"),
                (5, VIEWER),
            )
        ]

    assert taken.json()["data"] == {"viewer": {"kind": "SECRET"}}
    assert {the_error(other)["extensions"]["code"] for other in others} == {"DOCUMENT_NOT_TRUSTED"}


@pytest.mark.parametrize("text", [VIEWER, "{ __typename }", "{", "{ __schema { types { name } } }"])
async def test_where_only_trusted_documents_are_taken_no_text_is_even_read(stage: Stage, text: str) -> None:
    async with a_client(stage, only=True) as client:
        posted = await client.post("/graphql", json={"query": text})
        got = await client.get("/graphql", params={"query": text})
        hashed = await client.post("/graphql", json=apollos(hash_of(PRICE), query=text))
        streamed = await client.post("/graphql", json={"query": text}, headers={"accept": "text/event-stream"})

    assert '"code":"DOCUMENT_NOT_TRUSTED"' in streamed.text
    for response in (posted, got, hashed):
        assert response.status_code == 400
        assert the_error(response)["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
        assert "`documentId`" in the_error(response)["message"]


@pytest.mark.parametrize(
    ("texts", "code", "message"),
    [
        ({}, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported"),
        (TEXTS, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"),
    ],
)
async def test_clients_that_hope_for_kept_texts_learn_to_send_them(
    stage: Stage, texts: dict[str, str], code: str, message: str
) -> None:
    """Apollo's and urql's know these two by their words: after the first they send no hash again."""
    text = "{ viewer { tenantId } }"
    async with a_client(stage, texts=texts) as client:
        for _ in range(2):
            hashed = await client.post("/graphql", json=apollos(hash_of(text)))
            sent = await client.post("/graphql", json=apollos(hash_of(text), query=text))

            assert (the_error(hashed)["message"], the_error(hashed)["extensions"]["code"]) == (message, code)
            assert sent.status_code == 200
            assert "errors" not in sent.json()


async def test_the_bounds_hold_for_trusted_documents_too(stage: Stage) -> None:
    async with a_client(stage) as client:
        response = await client.post("/graphql", json={"documentId": id_of(PAGES), "variables": {"n": 100}})

    assert the_error(response)["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert stage.accounts.calls == []


async def calls_of(client: httpx.AsyncClient, body: dict[str, Any]) -> int:
    """Functions called for an answer, those of the interpreter's own included."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before: Callable[..., Any] | None = sys.getprofile()
    sys.setprofile(note)
    try:
        await client.post("/graphql", json=body)
    finally:
        sys.setprofile(before)
    return count


async def test_a_known_hash_costs_no_more_than_the_text(stage: Stage) -> None:
    async with a_client(stage) as client:
        bodies = [{"query": VIEWER}, {"documentId": id_of(VIEWER)}]
        for body in bodies:
            await client.post("/graphql", json=body)
        by_text, by_hash = [await calls_of(client, body) for body in bodies]

    # Parsing and validating it again would be thousands.
    assert by_hash <= by_text + 20
