"""Every argument and every input field of the API meets values that it cannot take: refused clearly, nothing spoilt."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from string import Template
from typing import Any

import pytest
from graphql import GraphQLSchema
from starlette.types import ASGIApp, Message

from resolvers.roots import build_schema
from rules.pricing.tokens import MAX_TOKENS
from server.app import build_app
from server.composition import open_services
from server.edge.configuration import Edge
from services.ledger.audit import audit
from services.publishing import Publication
from tests.faults.hostile_values import ODD, Hostile, hostile_requests
from tests.resolvers.credential_matrix import TABLE, Who
from tests.resolvers.credential_world import ROOT_KEY, Things, World, a_world
from tests.services.shop import a_source

ASKED_AT_ONCE = 8
MESSAGE_LENGTH_MAX = 4_000
SCHEMA: GraphQLSchema = build_schema()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too every request gets its connection."""
    monkeypatch.setattr("models.pool.SLOT_TIMEOUT_SECONDS", 60.0)


FIELDS = [(place, row.document) for place, row in TABLE.items() if not place.startswith("Subscription")]
Odd = Mapping[str, Sequence[object]]

_fresh = count()


@dataclass(frozen=True)
class Judge:
    """Asks a server, and says what is wrong with an answer."""

    app: ASGIApp
    world: World

    async def faults(self, hostile: Hostile) -> list[str]:
        who = Who.SECRET if Who.SECRET in TABLE[hostile.place.partition(" ")[0]].who else Who.ROOT
        body = json.dumps({"query": hostile.document, "variables": hostile.variables}).encode()
        status, answer = await posted(self.app, body, self.world.keys[who])
        fault = _fault_of(status, answer, hostile)
        return [] if fault is None else [f"{hostile.shown}: {fault}: {json.dumps(answer)[:500]}"]

    async def answer(self, document: str, things: Things, **more: str) -> str:
        """What the tenant's backend is answered, as text."""
        values = {name: json.dumps(value) for name, value in asdict(things).items()}
        text = Template(document).substitute(values, fresh=json.dumps(f"filling-{next(_fresh)}"), **more)
        body = json.dumps({"query": text}).encode()
        return json.dumps(await posted(self.app, body, self.world.keys[Who.SECRET]))

    async def all_faults(self, requests: Iterable[Hostile]) -> list[str]:
        faults: list[str] = []
        waiting = iter(requests)

        async def ask() -> None:
            for hostile in waiting:
                faults.extend(await self.faults(hostile))

        await asyncio.gather(*(ask() for _ in range(ASKED_AT_ONCE)))
        return faults


async def posted(app: ASGIApp, body: bytes, key: str) -> tuple[int, dict[str, Any]]:
    """Status and answer, without a socket between, which would cost more than the request."""
    headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer " + key.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def _fault_of(status: int, answer: dict[str, Any], hostile: Hostile) -> str | None:
    if status not in (200, 400):
        return f"status {status}"
    errors, data = answer.get("errors", []), (answer.get("data") or {}).get("a")
    for error in errors:
        if error["extensions"]["code"] != "BAD_USER_INPUT":
            return f"code {error['extensions']['code']}"
        if not 0 < len(error["message"]) < MESSAGE_LENGTH_MAX:
            return f"a message of {len(error['message'])} characters"
    if hostile.bad and not errors and (data is None or data.get("__typename", "Success").endswith("Success")):
        return "it was taken"
    return None


def hostile_of(things: Things, documents: Iterable[tuple[str, str]], odd: Odd) -> Iterable[Hostile]:
    values = {name: json.dumps(value) for name, value in asdict(things).items()}
    tried: set[tuple[str, str]] = set()
    for place, document in documents:
        yield from hostile_requests(SCHEMA, place, document, values, tried, odd)


async def test_every_value_that_a_field_cannot_take_is_refused_clearly(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_services(dsn, root_key=ROOT_KEY) as services:
        world = await a_world(services, "hostile")
        judge = Judge(build_app(services, Edge(introspection=False, graphiql=False)), world)
        faults = await judge.all_faults(hostile_of(world.own, FIELDS, ODD))
        assert faults == [], f"{len(faults)} faults:\n" + "\n".join(faults[:20])
        assert await audit(services.database) == ()

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


SUMS: Odd = {"Tokens": (1, -1, "0.000001", MAX_TOKENS - 50, MAX_TOKENS - 1, MAX_TOKENS, -MAX_TOKENS), "Int": (2, 10**6)}
"""2**63 - 1 micro-tokens are little more than MAX_TOKENS, so that the sum of two of these has no room."""

DEAR_BOOK = a_source(
    more="""
[[prices]]
name = "Dear"
category = "image"
tokens = 9000000000000
[[prices]]
name = "Metered"
category = "text"
dimensions = [{ name = "units", type = "integer", minimum = 0, unbounded = true }]
[prices.metered]
of = "units"
tokens = 900000000
per = 1
"""
)
_HERE = "idempotencyKey: $fresh, accountId: $account"
_FILLING = (
    f"grantTokens(input: {{{_HERE}, amount: 8999999990000}})",
    f"charge(input: {{{_HERE}, work: {{amount: $spent}}}})",
    f"grantTokens(input: {{{_HERE}, amount: $spent}})",
    'saveProject(input: {accountId: $account, name: "film", budget: 9000000000000})',
    'setLimit(input: {accountId: $account, scope: PROJECT, project: "film", period: TOTAL, limit: 9000000000000})',
    "setAlerts(input: {accountId: $account, lowBalanceTokens: [9000000000000]})",
    "updateAccount(input: {accountId: $account, creditLimit: -1})",
)
"""What brings an account near the bound."""

_HOLD = "idempotencyKey: $fresh, holdId: $hold"
_LINES = 'lines: [{model: "dear"}, {model: "dear", count: 1000000}, {model: "metered", params: {units: 1000000000}}]'
_LINE = 'lines: [{model: "metered", params: {units: 5000}}]'
DEAR: tuple[tuple[str, str], ...] = (
    *(
        document
        for lines in (_LINE, _LINES)
        for document in (
            ("Query.estimate", f"{{ estimate(input: {{accountId: $account, {lines}}}) {{ __typename }} }}"),
            ("Mutation.estimate", f"mutation {{ estimate(input: {{accountId: $account, {lines}}}) {{ __typename }} }}"),
            ("Mutation.reserve", f"mutation {{ reserve(input: {{{_HERE}, work: {{{lines}}}}}) {{ __typename }} }}"),
            ("Mutation.charge", f"mutation {{ charge(input: {{{_HERE}, work: {{{lines}}}}}) {{ __typename }} }}"),
            ("Mutation.extend", f"mutation {{ extend(input: {{{_HOLD}, work: {{{lines}}}}}) {{ __typename }} }}"),
            (
                "Mutation.commit",
                f"mutation {{ commit(input: {{{_HOLD}, actual: {{{lines}}}, final: false, overrun: CHARGE_AVAILABLE}}) "
                "{ __typename } }",
            ),
        )
    ),
    *(
        (
            "Query.affordable",
            f'{{ affordable(input: {{accountId: $account, model: "metered", {asked}}}) {{ __typename }} }}',
        )
        for asked in ('params: {units: 1}, dimension: "count"', 'dimension: "units"')
    ),
    (
        "Mutation.saveProject",
        'mutation { saveProject(input: {accountId: $account, name: "film", estimate: 1, bufferPercent: 1}) '
        "{ __typename } }",
    ),
)
"""Beside the fields' plain documents: work that costs more than can be counted, and much of what can."""

TOTALS = (
    """query { account(externalId: $external) {
        balance { total held available owed remainingPercent today { consumed remaining } }
        limits { limit consumed remaining } forecast { __typename }
        grants(activeOnly: false) { nodes { amount remaining held } totalCount }
        holds { nodes { amount captured remaining refunded } }
        entries(first: 100) { nodes { totalChange heldChange owedChange spent availableAfter } } } }""",
    """query { usage(input: {accountId: $account, from: "2026-01-01", to: "2026-12-31", groupBy: [MODEL]}) {
        total operations rows { tokens uses refunded } } }""",
    "query { margin(input: {}) { ... on MarginSuccess { margin { total { uses tokens revenue { formatted } } } } } }",
    "query { projects(accountId: $account) { nodes { budget actual estimate } } }",
    "query { alertEvents(accountId: $account) { nodes { amount available consumed limit thresholdTokens } } }",
    "query { prices { nodes { tokenCost minTokenCost maxTokenCost } } }",
)


async def test_sums_near_the_bound_are_refused_or_right_and_spoil_nothing(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_services(dsn, root_key=ROOT_KEY) as services:
        world = await a_world(services, "rich")
        assert world.backend.tenant_id is not None
        assert isinstance(await services.publishing.publish(world.backend.tenant_id, DEAR_BOOK), Publication)
        judge = Judge(build_app(services, Edge(introspection=False, graphiql=False)), world)
        for things, spent in ((world.own, "4000000000000"), (world.neighbour, "8999999990000")):
            for verb in _FILLING:
                answer = await judge.answer(
                    f"mutation {{ {verb} {{ ... on Problem {{ message }} }} }}", things, spent=spent
                )
                assert "message" not in answer, answer
            faults = await judge.all_faults(hostile_of(things, [*FIELDS, *DEAR], SUMS))
            assert faults == [], f"{len(faults)} faults:\n" + "\n".join(faults[:20])
            for query in TOTALS:
                answer = await judge.answer(query, things)
                assert "errors" not in answer, answer
        assert await audit(services.database) == ()

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
