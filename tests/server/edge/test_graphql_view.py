from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from models.unavailable import DatabaseBusy, DatabaseUnreachable
from rules.ledger.outcomes import HoldEffect
from server.app import build_app
from server.edge.configuration import BODY_BYTES_MAX, Edge
from server.edge.http_requests import JSON_DEPTH_MAX
from server.edge.operation_cost import COST_MAX
from services.ledger.lane import LedgerUnavailable
from tests.resolvers.stage import ACCOUNT_ID, ROOT_KEY, SECRET_KEY, Stage, a_balance, a_hold

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
VIEWER = "{ viewer { kind } }"
RESERVE = (
    'mutation ($account: ID!) { reserve(input: {idempotencyKey: "k", accountId: $account, work: {amount: 1}}) '
    "{ __typename } }"
)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance())
    return stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(stage, Edge(introspection=True, graphiql=True)) as client:
        yield client


def a_client(stage: Stage, edge: Edge, key: str | None = SECRET_KEY) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build_app(stage, edge))
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=transport, base_url="http://farebox.test", headers=headers)


async def post(client: httpx.AsyncClient, query: Any = VIEWER, accept: str = GRAPHQL, **members: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, **members}, headers={"accept": accept})


def the_error(response: httpx.Response) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return error


async def test_a_query_is_answered_in_the_media_type_that_is_asked_for(client: httpx.AsyncClient) -> None:
    response = await post(client)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["data"] == {"viewer": {"kind": "SECRET"}}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{JSON};q=0.9, {GRAPHQL};q=0.5", JSON),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed", GRAPHQL),
        (f"text/event-stream, {JSON}", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (f"{GRAPHQL};q=nonsense, {JSON}", JSON),
    ],
)
async def test_a_listed_media_type_wins_over_every_other(
    client: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    response = await post(client, accept=accept)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream;q=0", "multipart/mixed", f"{JSON};q=0", "nonsense"])
async def test_a_client_that_takes_nothing_that_is_offered_is_told_so(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, accept=accept)

    assert response.status_code == 406
    assert response.headers["vary"] == "Accept"
    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("query", ["{", "{ nothing }", "query ($n: Int!) { prices(first: $n) { totalCount } }"])
async def test_a_refused_document_has_no_data_and_a_status_where_statuses_mean_something(
    client: httpx.AsyncClient, query: str
) -> None:
    strict = await post(client, query)
    lenient = await post(client, query, accept=JSON)

    assert (strict.status_code, lenient.status_code) == (400, 200)
    for response in (strict, lenient):
        assert "data" not in response.json()
        assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


def _nested(depth: int, inner: bytes) -> bytes:
    variables = b'{"a": ' + b"[" * (depth - 1) + inner + b"]" * (depth - 1) + b"}"
    return b'{"query": "{ viewer { kind } }", "variables": ' + variables + b"}"


BAD_BODIES: list[tuple[bytes, str]] = [
    (b"", "JSON"),
    (b"{", "JSON"),
    (b"null", "object"),
    (b'"{ viewer }"', "object"),
    (b"[]", "batches"),
    (b'[{"query": "{ viewer { kind } }"}]', "batches"),
    (b"{}", "query"),
    (b'{"query": null}', "query"),
    (b'{"query": 5}', "query"),
    (b'{"query": ""}', "query"),
    (b'{"query": ["{ viewer }"]}', "query"),
    (b'{"query": "{ viewer { kind } }", "variables": []}', "variables"),
    (b'{"query": "{ viewer { kind } }", "variables": "{}"}', "variables"),
    (b'{"query": "{ viewer { kind } }", "operationName": 5}', "operationName"),
    (b'{"query": "{ viewer { kind } }", "extensions": 5}', "extensions"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": NaN}}', "JSON"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": Infinity}}', "JSON"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": -1e400}}', "JSON"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": ' + b"9" * 5000 + b"}}", "JSON"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": "\\u0000"}}', "NUL"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": ["\\ud800"]}}', "surrogate"),
    (b'{"query": "{ viewer { kind } }", "variables": {"\\udc00": 1}}', "surrogate"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": "\xff"}}', "JSON"),
    (b"[" * 100_000, "JSON"),
    (b'{"query":' + b'{"a":' * 100_000, "JSON"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": "\xed\xa0\x80"}}', "UTF-8"),
    (b'{"query": "{ viewer { kind } }", "variables": {"\xed\xb0\x80": 1}}', "UTF-8"),
    (b'{"query": "{ viewer { kind } }", "variables": {"a": "\xc0\x80"}}', "UTF-8"),
    ('{"query": "{ viewer { kind } }"}'.encode("utf-16"), "UTF-8"),
    ('{"query": "{ viewer { kind } }"}'.encode("utf-16-le"), "JSON"),
    ('{"query": "{ viewer { kind } }"}'.encode("utf-32"), "UTF-8"),
    ('{"query": "{ viewer { kind } }"}'.encode("utf-32-be"), "JSON"),
    *((_nested(depth, inner), "nests") for depth in (JSON_DEPTH_MAX, 300, 450) for inner in (b"1", b'"\\u0000"')),
    (_nested(900, b'"\\u0000"'), "JSON"),
]


@pytest.mark.parametrize(("body", "said"), BAD_BODIES, ids=lambda part: ascii(part)[:40])
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_out_of_form_is_a_bad_request(
    client: httpx.AsyncClient, body: bytes, said: str, accept: str
) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON, "accept": accept})

    assert response.status_code == 400
    assert "data" not in response.json()
    error = the_error(response)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + json.dumps({"query": VIEWER}).encode(),
        _nested(JSON_DEPTH_MAX - 1, b"1"),
        json.dumps({"query": VIEWER, "variables": {"a": [[]] * 5000}}).encode(),
    ],
    ids=["a byte order mark", "the greatest depth", "many arrays"],
)
async def test_json_within_the_bounds_is_taken(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert response.json()["data"] == {"viewer": {"kind": "SECRET"}}


async def test_pairs_of_surrogates_are_text_like_any_other(client: httpx.AsyncClient) -> None:
    body = b'{"query": "query ($m: String!) { price(model: $m) { model } }", "variables": {"m": "\\ud83d\\ude00"}}'
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert response.json()["data"] == {"price": None}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "application/json; charset=utf-16",
    ],
)
async def test_only_json_is_taken_so_that_no_form_of_another_site_gets_in(
    client: httpx.AsyncClient, stage: Stage, content_type: str | None
) -> None:
    body = json.dumps({"query": RESERVE, "variables": {"account": ACCOUNT_ID}}).encode()
    response = await client.post(
        "/graphql", content=body, headers={} if content_type is None else {"content-type": content_type}
    )

    assert response.status_code == 415
    assert stage.fares.calls == []


async def test_a_body_beyond_the_bound_is_refused_however_it_comes(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (BODY_BYTES_MAX // 10)

    declared = await client.post("/graphql", content=b" " * (BODY_BYTES_MAX + 1), headers={"content-type": JSON})
    chunked = await client.post("/graphql", content=chunks(), headers={"content-type": JSON})

    assert (declared.status_code, chunked.status_code) == (413, 413)


async def test_a_query_may_come_by_get_and_a_mutation_may_not(client: httpx.AsyncClient, stage: Stage) -> None:
    query = "query ($m: String!) { price(model: $m) { model } }"
    read = await client.get("/graphql", params={"query": query, "variables": '{"m": "flux"}'})
    named = await client.get("/graphql", params={"query": f"query a {VIEWER} query b {VIEWER}", "operationName": "b"})
    variables = json.dumps({"account": ACCOUNT_ID})
    written = await client.get("/graphql", params={"query": RESERVE, "variables": variables})

    assert read.json()["data"] == {"price": {"model": "flux"}}
    assert named.status_code == 200
    assert written.status_code == 405
    assert written.headers["allow"] == "POST"
    assert stage.fares.calls == []


@pytest.mark.parametrize(
    "params", [{}, {"query": ""}, {"query": VIEWER, "variables": "{"}, {"query": VIEWER, "variables": "[]"}]
)
async def test_a_get_out_of_form_is_a_bad_request(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    response = await client.get("/graphql", params=params)

    assert response.status_code == 400
    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_no_other_method_is_taken(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql", json={"query": VIEWER})

    assert response.status_code == 405
    assert "allow" in response.headers


async def test_a_subscription_is_sent_to_the_websocket(client: httpx.AsyncClient) -> None:
    response = await post(client, f'subscription {{ balance(accountId: "{ACCOUNT_ID}") {{ version }} }}')

    assert response.status_code == 400
    assert "websocket" in the_error(response)["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer nonsense",
        "Bearer",
        "Bearer ",
        f"Basic {SECRET_KEY}",
        SECRET_KEY,
        "",
        "Bearer \u00e9",
        "Bearer " + "a" * 8000,
    ],
)
async def test_a_credential_that_is_none_is_refused_with_401(stage: Stage, authorization: str) -> None:
    async with a_client(stage, Edge(introspection=True, graphiql=True), key=None) as client:
        response = await client.post(
            "/graphql", json={"query": VIEWER}, headers={"authorization": authorization.encode("latin-1")}
        )

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert the_error(response)["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_scheme_of_a_credential_is_read_in_any_case(stage: Stage) -> None:
    async with a_client(stage, Edge(introspection=False, graphiql=False), key=None) as client:
        response = await client.post(
            "/graphql", json={"query": VIEWER}, headers={"authorization": f"bearer {ROOT_KEY}"}
        )

    assert response.json()["data"] == {"viewer": {"kind": "ROOT"}}


async def test_without_a_credential_the_field_says_what_is_needed(stage: Stage) -> None:
    async with a_client(stage, Edge(introspection=True, graphiql=True), key=None) as client:
        response = await post(client)

    assert response.status_code == 200
    assert response.json()["data"] == {"viewer": None}
    error = the_error(response)
    assert error["path"] == ["viewer"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_forbidden_field_leaves_the_others_alone(stage: Stage) -> None:
    async with a_client(stage, Edge(introspection=True, graphiql=True), key=ROOT_KEY) as client:
        response = await post(client, "{ viewer { kind } prices { totalCount } }")

    assert response.json()["data"] == {"viewer": {"kind": "ROOT"}, "prices": None}
    assert the_error(response)["extensions"]["code"] == "FORBIDDEN"


async def test_what_nobody_expected_is_masked_and_logged_under_the_requests_id(
    client: httpx.AsyncClient, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.fares.answers["reserve"] = RuntimeError("the password is swordfish")

    response = await post(client, RESERVE, variables={"account": ACCOUNT_ID})

    error = the_error(response)
    assert response.json()["data"] == {"reserve": None}
    assert error["extensions"]["code"] == "INTERNAL"
    assert "swordfish" not in response.text
    assert error["extensions"]["requestId"] in caplog.text
    assert "swordfish" in caplog.text


@pytest.mark.parametrize("variables", [None, {}, {"a": None}])
async def test_an_argument_that_its_variables_leave_incomplete_is_the_clients_mistake(
    client: httpx.AsyncClient, stage: Stage, variables: dict[str, Any] | None, caplog: pytest.LogCaptureFixture
) -> None:
    document = (
        f'mutation ($a: Tokens) {{ reserve(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", '
        "work: {amount: $a}}) { __typename } }"
    )

    response = await post(client, document, variables=variables)

    error = the_error(response)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$a" in error["message"]
    assert stage.fares.calls == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_operation_that_costs_too_much_reads_nothing(client: httpx.AsyncClient) -> None:
    document = (
        "query ($n: Int) { accounts(first: $n) { nodes { holds(first: $n) { nodes { captures { amount } } } } } }"
    )

    refused = await post(client, document, variables={"n": 100})

    assert refused.status_code == 400
    assert the_error(refused)["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert "`first`" in the_error(refused)["message"]
    cost = refused.json()["extensions"]["cost"]
    assert (cost["maximum"], cost["remaining"]) == (COST_MAX, 0)
    assert f"may cost {cost['requested']}," in the_error(refused)["message"]
    assert the_error(refused)["extensions"]["cost"] == cost


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        (VIEWER, {}, 1),
        ("{ __typename }", {}, 0),
        ("{ prices(first: 7) { totalCount nodes { model } } }", {}, 47),
        ("query ($n: Int) { prices(first: $n) { nodes { model } } }", {"n": 3}, 23),
        ("query ($n: Int!) { prices(first: $n) { nodes { model } } }", {"n": "three"}, 120),
        ("query ($n: Int) { prices(first: $n) { nodes { model } } }", {"n": 0}, 21),
        ("query a { viewer { kind } prices(first: 1) { totalCount } }", {}, 41),
    ],
)
async def test_every_answer_of_a_valid_document_tells_what_it_cost_and_what_was_left(
    client: httpx.AsyncClient, accept: str, query: str, variables: dict[str, Any], cost: int
) -> None:
    response = await post(client, query, accept, variables=variables)

    assert response.json()["extensions"] == {
        "cost": {"requested": cost, "maximum": COST_MAX, "remaining": COST_MAX - cost}
    }


@pytest.mark.parametrize("query", ["{", "{ nothing }", f"query a {VIEWER} query b {VIEWER}"])
async def test_what_is_no_operation_has_no_cost(client: httpx.AsyncClient, query: str) -> None:
    assert "extensions" not in (await post(client, query)).json()


async def test_a_value_that_cannot_be_shown_is_masked_too(client: httpx.AsyncClient, stage: Stage) -> None:
    stage.fares.answers["reserve"] = HoldEffect(a_hold(), a_balance(total=1.5, version="swordfish"))
    document = RESERVE.replace("__typename", "... on ReserveSuccess { balance { total version } }")

    response = await post(client, document, variables={"account": ACCOUNT_ID})

    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"INTERNAL"}
    assert "swordfish" not in response.text


@pytest.mark.parametrize(
    "failure", [DatabaseBusy("dsn"), DatabaseUnreachable("dsn"), LedgerUnavailable("dsn"), TimeoutError()]
)
async def test_an_outage_is_worth_a_retry_and_says_so(
    client: httpx.AsyncClient, stage: Stage, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage.fares.answers["reserve"] = failure
    inside = await post(client, RESERVE, variables={"account": ACCOUNT_ID})
    stage.credentials.failure = failure
    outside = await post(client, RESERVE, variables={"account": ACCOUNT_ID})

    assert inside.status_code == 200
    assert (outside.status_code, outside.headers["retry-after"]) == (503, "1")
    for response in (inside, outside):
        assert the_error(response)["extensions"]["code"] == "UNAVAILABLE"
        assert "dsn" not in response.text
    assert "ERROR" not in caplog.text


async def test_a_clients_mistakes_are_not_logged_as_errors(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await post(client, "{ nothing }")
    await post(client, "{ prices(first: 0) { totalCount } }")

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("value", ["1e3", 1.5, "NaN", 2**63, "1\n", {"a": 1}, [], True])
async def test_a_variable_out_of_form_is_a_bad_user_input(client: httpx.AsyncClient, stage: Stage, value: Any) -> None:
    document = RESERVE.replace("$account: ID!", "$account: ID!, $amount: Tokens!").replace(
        "amount: 1", "amount: $amount"
    )

    response = await post(client, document, variables={"account": ACCOUNT_ID, "amount": value})

    assert response.status_code == 400
    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Tokens" in the_error(response)["message"]
    assert stage.fares.calls == []


async def test_a_param_that_is_an_object_is_a_bad_user_input(client: httpx.AsyncClient) -> None:
    document = 'query ($w: Params) { estimate(input: {lines: [{model: "flux", params: {width: $w}}]}) { __typename } }'

    response = await post(client, document, variables={"w": {"a": 1}})

    assert the_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_complex_document_is_refused_before_anything_runs(client: httpx.AsyncClient, stage: Stage) -> None:
    document = "mutation {" + " ".join(
        f'a{i}: reserve(input: {{idempotencyKey: "k{i}", accountId: "a", work: {{amount: 1}}}}) {{ __typename }}'
        for i in range(100)
    )

    response = await post(client, document + "}")

    assert response.status_code == 400
    assert the_error(response)["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert stage.fares.calls == []


async def test_in_production_the_schema_is_not_shown(stage: Stage) -> None:
    async with a_client(stage, Edge(introspection=False, graphiql=False)) as client:
        response = await post(client, get_introspection_query())
        text = await client.get("/schema.graphql")
        page = await client.get("/")

    assert response.status_code == 400
    assert "disabled" in response.json()["errors"][0]["message"]
    assert (text.status_code, page.status_code) == (404, 404)


async def test_every_request_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await post(client)).headers["x-request-id"] for _ in range(20)}

    assert len(ids) == 20


MISSPELLED: list[dict[str, Any]] = [
    {"query": "{ viewr { kind } }"},
    {"query": "{ viewer { knd } }"},
    {"query": '{ account(externalI: "alice") { id } }'},
    {
        "query": "query ($kind: HoldState) { account { holds(state: $kind) { totalCount } } }",
        "variables": {"kind": "OPN"},
    },
    {
        "query": "query ($input: EstimateInput!) { estimate(input: $input) { __typename } }",
        "variables": {"input": {"amunt": 1}},
    },
]


@pytest.mark.parametrize("request_body", MISSPELLED)
@pytest.mark.parametrize("introspection", [True, False])
async def test_suggestions_are_made_where_the_schema_may_be_known(
    stage: Stage, request_body: dict[str, Any], introspection: bool
) -> None:
    async with a_client(stage, Edge(introspection=introspection, graphiql=False)) as client:
        response = await client.post("/graphql", json=request_body)

    assert ("Did you mean" in response.text) is introspection


async def test_what_is_unavailable_promises_safety_only_where_there_is_a_key(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    stage.fares.answers["reserve"] = LedgerUnavailable()

    error = the_error(await post(client, RESERVE, variables={"account": ACCOUNT_ID}))

    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert "what takes an `idempotencyKey` is safe to send again" in error["message"]
