"""What is sent to do harm, over HTTP and over a websocket: refused before anything runs, at no lasting cost."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from server.edge.configuration import BODY_BYTES_MAX, FRAME_BYTES_MAX, Edge
from server.trusted_manifest import hash_of
from tests.resolvers.stage import ACCOUNT_ID, SECRET_KEY, Stage
from tests.server.edge.hostile_documents import TOO_COMPLEX, WRONG_AND_LARGE
from tests.server.edge.serving import PATIENCE_SECONDS, serving

KEY = {"authorization": f"Bearer {SECRET_KEY}"}
VIEWER = "query Who { viewer { kind __typename } }"
BALANCE = f'subscription {{ balance(accountId: "{ACCOUNT_ID}") {{ version }} }}'
HOLDS_OF_ACCOUNTS = "query ($n: Int) { accounts(first: $n) { nodes { holds(first: $n) { nodes { id } } } } }"
TEXTS = {hash_of(text): text for text in (VIEWER, BALANCE, HOLDS_OF_ACCOUNTS)}

LEFT_BEHIND_MAX = 1_000
"""Objects more than before, after as many hostile requests as a test sends twice: none of them is remembered."""


@dataclass
class Target:
    """A production server on loopback, with one client of each kind."""

    stage: Stage
    http: httpx.AsyncClient
    socket: ClientConnection

    async def post(self, payload: Any) -> dict[str, Any]:
        """The only error that the request is answered with over HTTP."""
        response = await self.http.post("/graphql", json=payload)
        assert response.status_code in (200, 400)
        assert "data" not in response.json()
        error: dict[str, Any] = response.json()["errors"][0]
        return error

    async def subscribe(self, payload: Any) -> dict[str, Any]:
        """The only error that the operation is answered with on the websocket."""
        answer = await self.answer(payload)
        assert answer["type"] == "error", answer
        error: dict[str, Any] = answer["payload"][0]
        return error

    async def answer(self, payload: Any) -> dict[str, Any]:
        await self.socket.send(json.dumps({"type": "subscribe", "id": "a", "payload": payload}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer: dict[str, Any] = json.loads(await self.socket.recv())
        return answer

    def assert_nothing_ran(self) -> None:
        services = vars(self.stage).values()
        assert [calls for calls in (getattr(service, "calls", []) for service in services) if calls] == []
        assert self.stage.live.since == []


def objects() -> int:
    """How many the interpreter keeps."""
    gc.collect()
    return sys.getallocatedblocks()


@asynccontextmanager
async def attacked(edge: Edge) -> AsyncIterator[Target]:
    async with (
        serving(Stage(), edge) as served,
        httpx.AsyncClient(base_url=f"http://{served.host}", headers=KEY, timeout=PATIENCE_SECONDS) as http,
        served.open() as websocket,
    ):
        await websocket.send(json.dumps({"type": "connection_init", "payload": KEY}))
        assert json.loads(await websocket.recv()) == {"type": "connection_ack"}
        yield Target(served.stage, http, websocket)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with attacked(Edge(introspection=False, graphiql=False, trusted_texts=TEXTS)) as target:
        yield target


FITTING = {
    name: text for name, text in (TOO_COMPLEX | WRONG_AND_LARGE).items() if len(json.dumps(text)) < FRAME_BYTES_MAX // 2
}


async def test_every_hostile_document_is_refused_on_both_ways_and_none_leaves_anything_behind(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(FITTING) > 30

    async def attack() -> None:
        for name, text in FITTING.items():
            for error in (await target.post({"query": text}), await target.subscribe({"query": text})):
                expected = "QUERY_TOO_COMPLEX" if name in TOO_COMPLEX else "BAD_USER_INPUT"
                assert error["extensions"]["code"] == expected, name
                assert error["extensions"]["requestId"]
                assert len(error["message"]) < 20_000

    await attack()
    before = objects()
    await attack()

    assert objects() - before < LEFT_BEHIND_MAX
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    target.assert_nothing_ran()


@pytest.mark.parametrize("way", ["post", "subscribe"])
@pytest.mark.parametrize(
    "query",
    [
        "{ accounts(first: 1000000000) { nodes { id } } }",
        "{ accounts(first: 2147483648) { nodes { id } } }",
        "{ accounts(first: -1) { nodes { id } } }",
        "{ accounts(first: 1e9) { nodes { id } } }",
        "{ accounts(first: 1000000000) { nodes { holds(first: 1000000000) { nodes { id } } } } }",
    ],
)
async def test_a_page_of_a_billion_rows_is_refused_before_any_row_is_read(target: Target, way: str, query: str) -> None:
    if way == "post":
        answer = (await target.http.post("/graphql", json={"query": query})).json()
    else:
        answer = await target.answer({"query": query})
        answer = answer["payload"] if answer["type"] == "next" else {"errors": answer["payload"]}

    assert answer.get("data") in (None, {"accounts": None})
    assert answer["errors"][0]["extensions"]["code"] in ("BAD_USER_INPUT", "QUERY_TOO_COMPLEX")
    target.assert_nothing_ran()


async def test_a_megabyte_is_refused_while_it_arrives(target: Target) -> None:
    query = "{ viewer { " + "kind " * 200_000 + "} }"

    response = await target.http.post("/graphql", json={"query": query})
    await target.socket.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": query}}))
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await target.socket.recv()

    assert len(query) > BODY_BYTES_MAX
    assert response.status_code == 413
    assert target.socket.close_code == 1009
    target.assert_nothing_ran()


@pytest.mark.parametrize("payload", [[{"query": VIEWER}], [{"documentId": hash_of(VIEWER)}] * 100, []])
async def test_a_batch_is_no_request(target: Target, payload: Any) -> None:
    response = await target.http.post("/graphql", json=payload)
    await target.socket.send(json.dumps({"type": "subscribe", "id": "a", "payload": payload}))
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await target.socket.recv()

    assert response.status_code == 400
    assert target.socket.close_code == 4400
    target.assert_nothing_ran()


async def test_a_trusted_document_has_the_same_bounds_on_both_ways(target: Target) -> None:
    payload = {"documentId": f"sha256:{hash_of(HOLDS_OF_ACCOUNTS)}", "variables": {"n": 1_000_000_000}}

    for error in (await target.post(payload), await target.subscribe(payload)):
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert error["extensions"]["cost"]["requested"] == 12_120
    target.assert_nothing_ran()


async def test_ids_that_nobody_knows_are_not_remembered(target: Target) -> None:
    async def ask(numbers: range) -> None:
        payloads = [{"documentId": f"sha256:{number:064x}"} for number in numbers]
        errors = [await way(payload) for payload in payloads for way in (target.post, target.subscribe)]
        assert {error["extensions"]["code"] for error in errors} == {"DOCUMENT_NOT_FOUND"}

    counts = []
    for start in range(0, 500, 100):
        await ask(range(start, start + 100))
        counts.append(objects())

    # What keeps one object of each refusal would keep 200 more every time.
    assert min(after - before for before, after in pairwise(counts)) < 100


async def test_a_trusted_document_is_served_on_a_websocket_and_its_events_come(target: Target) -> None:
    answered = await target.answer({"documentId": hash_of(VIEWER)})
    completed = json.loads(await target.socket.recv())
    await target.socket.send(
        json.dumps({"type": "subscribe", "id": "b", "payload": {"documentId": hash_of(BALANCE), "query": ""}})
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        await target.stage.live.listened.wait()

    assert answered["payload"]["data"] == {"viewer": {"kind": "SECRET", "__typename": "Viewer"}}
    assert completed == {"type": "complete", "id": "a"}


async def test_a_websocket_too_takes_trusted_documents_alone_where_the_server_does() -> None:
    edge = Edge(introspection=False, graphiql=False, trusted_texts=TEXTS, only_trusted=True)
    async with attacked(edge) as target:
        for text in (VIEWER, BALANCE):
            assert (await target.subscribe({"query": text}))["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
        answered = await target.answer({"documentId": hash_of(VIEWER)})
        await target.socket.recv()
        # graphql-ws cannot leave `query` out.
        apollos = {"persistedQuery": {"version": 1, "sha256Hash": hash_of(VIEWER)}}
        by_apollo = await target.answer({"query": "", "extensions": apollos})

    assert by_apollo["payload"] == answered["payload"]
    assert answered["payload"]["data"]["viewer"]["kind"] == "SECRET"


async def test_a_websocket_client_that_hopes_for_kept_texts_learns_to_send_them() -> None:
    async with attacked(Edge(introspection=False, graphiql=False)) as target:
        payload = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(VIEWER)}}}
        refused = await target.subscribe(payload)
        answered = await target.answer({**payload, "query": VIEWER})

    assert (refused["message"], refused["extensions"]["code"]) == (
        "PersistedQueryNotSupported",
        "PERSISTED_QUERY_NOT_SUPPORTED",
    )
    assert answered["payload"]["data"]["viewer"]["kind"] == "SECRET"


HIDDEN = [
    get_introspection_query(),
    "{ __schema { queryType { name } } }",
    '{ __type(name: "Account") { name } }',
    "query Q { ...f } fragment f on Query { __schema { types { name } } }",
]
MISSPELT: list[dict[str, Any]] = [
    {"query": "{ viewr { kind } }"},
    {"query": "{ viewer { knd } }"},
    {"query": "{ viewer { ... on Viewr { kind } } }"},
    {"query": '{ account(externalI: "alice") { id } }'},
    {"query": "query ($a: Tokns) { viewer { kind } }"},
    {"query": "{ account { holds(state: OPN) { totalCount } } }"},
    {"query": "{ viewer { kind @incldue(if: true) } }"},
    {"query": "query ($s: HoldState) { account { holds(state: $s) { totalCount } } }", "variables": {"s": "OPN"}},
    {
        "query": "query ($i: EstimateInput!) { estimate(input: $i) { __typename } }",
        "variables": {"i": {"lnes": []}},
    },
    {"query": "subscription { balnce { version } }"},
]


async def test_in_production_nothing_tells_of_the_schema(target: Target) -> None:
    for query in HIDDEN:
        for error in (await target.post({"query": query}), await target.subscribe({"query": query})):
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert "introspection has been disabled" in error["message"]
    assert (await target.subscribe({"query": "subscription { __schema { types { name } } }"}))["extensions"][
        "code"
    ] == ("BAD_USER_INPUT")
    for payload in MISSPELT:
        for error in (await target.post(payload), await target.subscribe(payload)):
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert "Did you mean" not in error["message"]
    for path in ("/", "/graphiql", "/graphiql/page.html", "/schema.graphql"):
        assert (await target.http.get(path)).status_code == 404


async def test_in_production_typename_is_still_told(target: Target) -> None:
    query = "{ __typename viewer { __typename } }"
    data = {"__typename": "Query", "viewer": {"__typename": "Viewer"}}

    assert (await target.http.post("/graphql", json={"query": query})).json()["data"] == data
    assert (await target.answer({"query": query}))["payload"]["data"] == data
