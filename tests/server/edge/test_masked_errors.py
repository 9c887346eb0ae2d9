"""What nobody expected: on every way of asking a masked error with the id under which the log has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from models.unavailable import DatabaseUnreachable
from tests.resolvers.stage import ACCOUNT_ID, SECRET_KEY, Stage
from tests.server.edge.serving import BALANCE, PATIENCE_SECONDS, Served, serving

SECRET = "swordfish"
KEY = {"authorization": f"Bearer {SECRET_KEY}"}
RESERVE = (
    f'mutation {{ reserve(input: {{idempotencyKey: "k", accountId: "{ACCOUNT_ID}", work: {{amount: 1}}}}) '
    "{ __typename } }"
)
HOLDS = f'{{ account(id: "{ACCOUNT_ID}") {{ id holds {{ nodes {{ id }} }} }} }}'
LIVE_WAYS = ["events", "websocket"]
WAYS = ["post", *LIVE_WAYS]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(Stage()) as served:
        yield served


async def answered(served: Served, way: str, query: str) -> dict[str, Any]:
    """The first answer by this way: an object with `errors`."""
    if way == "websocket":
        async with served.open() as client:
            await client.send(json.dumps({"type": "connection_init", "payload": KEY}))
            await client.recv()
            await client.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": query}}))
            message = json.loads(await client.recv())
        answer: dict[str, Any] = {"errors": message["payload"]} if message["type"] == "error" else message["payload"]
        return answer
    accept = "text/event-stream" if way == "events" else "application/json"
    async with httpx.AsyncClient(base_url=f"http://{served.host}", headers=KEY, timeout=PATIENCE_SECONDS) as client:
        response = await client.post("/graphql", json={"query": query}, headers={"accept": accept})
    text = response.text.split("data: ", 1)[1].split("\n", 1)[0] if way == "events" else response.text
    answer = json.loads(text)
    assert response.headers["x-request-id"] == answer["errors"][0]["extensions"]["requestId"]
    return answer


@pytest.mark.parametrize(
    ("way", "query", "path"),
    [
        *((way, RESERVE, ["reserve"]) for way in WAYS),
        *((way, HOLDS, ["account", "holds"]) for way in WAYS),
        *((way, BALANCE, ["balance"]) for way in LIVE_WAYS),
    ],
)
@pytest.mark.parametrize(
    ("failure", "code"), [(RuntimeError(SECRET), "INTERNAL"), (DatabaseUnreachable(SECRET), "UNAVAILABLE")]
)
async def test_a_failure_of_a_field_is_masked_and_found_in_the_log_by_its_id(
    served: Served,
    way: str,
    query: str,
    path: list[str],
    failure: Exception,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    served.stage.fares.answers["reserve"] = failure
    served.stage.reads.answers["holds"] = failure
    if query == BALANCE:
        served.stage.reads.answers["balance"] = failure

    answer = await answered(served, way, query)

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert error["path"] == path
    assert SECRET not in json.dumps(answer)
    assert f"request {error['extensions']['requestId']}" in caplog.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("work", ['{amount: "1", quoteId: null}', "{amount: null}", '{amount: "1", lines: []}', "{}"])
async def test_one_member_is_given_and_no_other_even_as_null(served: Served, way: str, work: str) -> None:
    answer = await answered(served, way, RESERVE.replace("{amount: 1}", work))

    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "WorkInput" in error["message"]
    assert served.stage.fares.calls == []


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("WorkInput", {"work": {"amount": "1", "quoteId": None}}),
        ("WorkInput", {"work": {"amount": None}}),
        ("WorkInput", {"work": {}}),
        ("ActualInput", {"actual": {"amount": "1", "lines": None}}),
        ("ActualInput", {"actual": {"amount": "1", "lines": []}}),
        ("ActualInput", {"actual": {}}),
    ],
)
async def test_one_member_is_given_in_variables_too(served: Served, name: str, variables: dict[str, Any]) -> None:
    (field,) = variables
    mutation, rest = ("reserve", f'accountId: "{ACCOUNT_ID}"') if field == "work" else ("commit", 'holdId: "h"')
    query = (
        f'mutation (${field}: {name}!) {{ {mutation}(input: {{idempotencyKey: "k", {rest}, {field}: ${field}}}) '
        "{ __typename } }"
    )
    async with httpx.AsyncClient(base_url=f"http://{served.host}", headers=KEY, timeout=PATIENCE_SECONDS) as client:
        answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()

    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert name in error["message"]
    assert served.stage.fares.calls == []
