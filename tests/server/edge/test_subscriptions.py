from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import parse

from resolvers.context import Context
from resolvers.errors import ErrorCode, coded
from resolvers.roots import build_schema
from schema.balances import shown_balance
from server.edge import execution, subscriptions
from server.edge.answers import Answer
from server.edge.documents import Documents
from server.edge.execution import Execution, Operation
from server.edge.subscriptions import SHARED_BYTES_MAX, SHARED_MAX, Asked, SharedAnswers, depends_on_events_alone
from server.edge.trusted_documents import TrustedDocuments
from services.principal import Principal
from tests.resolvers.stage import ACCOUNT_ID, ROOT, SECRET, Stage, a_balance

SCHEMA = build_schema()
EVENT = shown_balance(a_balance(version=1))
ASKED = Asked(1, None, b"")
BALANCE = (
    "subscription ($id: ID, $full: Boolean = false) { balance(accountId: $id) { version held @include(if: $full) } }"
)


class Watched:
    """An execution whose subscriptions all get the same events, and which counts how often one is executed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.executions = 0
        self.execution = Execution(SCHEMA, Documents(SCHEMA, introspection=True), TrustedDocuments({}))
        execute = subscriptions.execute_subscription_event

        def counted(executor: Any) -> Any:
            self.executions += 1
            return execute(executor)

        async def events(*_: Any) -> AsyncIterator[Any]:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event

        self.events: list[Any] = [EVENT]
        monkeypatch.setattr(subscriptions, "execute_subscription_event", counted)
        monkeypatch.setattr(execution, "create_source_event_stream", events)

    async def answers(
        self, query: str = BALANCE, *, principal: Principal = SECRET, request_id: str = "r", **asked: Any
    ) -> list[Answer]:
        operation = Operation(query, **asked)
        read = self.execution.read(operation, request_id)
        assert not isinstance(read, Answer), read
        stream = await self.execution.stream(read[0], operation, Context(principal, Stage()), request_id)
        assert not isinstance(stream, Answer), stream
        return [answer async for answer in stream]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def shown(text: bytes) -> Any:
    return json.loads(text)["data"]


async def test_an_event_is_executed_and_encoded_once_for_all_who_ask_the_same(watched: Watched) -> None:
    variables = {"id": ACCOUNT_ID, "full": True}
    first = await watched.answers(variables=variables)
    others = [await watched.answers(variables=dict(reversed(variables.items())), principal=ROOT) for _ in range(50)]

    assert watched.executions == 1
    assert shown(first[0].text) == {"balance": {"version": 1, "held": "35"}}
    assert all(other[0].text is first[0].text for other in others)


async def test_who_asks_something_else_is_answered_that(watched: Watched) -> None:
    different: list[dict[str, Any]] = [
        {"variables": {"full": True}},
        {"variables": {"full": False}},
        {"variables": {"id": ACCOUNT_ID}},
        {"query": BALANCE.replace("version", "seen: version")},
        {"query": f"{BALANCE.replace('(', ' a (', 1)} {BALANCE.replace('(', ' b (', 1)}", "operation_name": "a"},
        {"query": f"{BALANCE.replace('(', ' a (', 1)} {BALANCE.replace('(', ' b (', 1)}", "operation_name": "b"},
    ]
    texts = [(await watched.answers(**asked))[0].text for asked in different]

    assert watched.executions == len(different)
    assert shown(texts[0]) == {"balance": {"version": 1, "held": "35"}}
    assert shown(texts[1]) == {"balance": {"version": 1}}
    assert shown(texts[3]) == {"balance": {"seen": 1}}


async def test_another_event_that_looks_the_same_is_executed_anew(watched: Watched) -> None:
    await watched.answers()
    watched.events = [shown_balance(a_balance(version=1)), shown_balance(a_balance(version=2)), EVENT]
    answers = await watched.answers()

    assert watched.executions == 3
    assert [json.loads(answer.text)["data"]["balance"]["version"] for answer in answers] == [1, 2, 1]


async def test_what_failed_is_told_each_under_its_own_request(watched: Watched) -> None:
    watched.events = [shown_balance(a_balance(version="nonsense"))]
    shown = [json.loads((await watched.answers(request_id=id))[0].text) for id in ("one", "two")]

    assert watched.executions == 2
    assert [answer["errors"][0]["extensions"]["requestId"] for answer in shown] == ["one", "two"]
    assert [answer["data"] for answer in shown] == [{"balance": None}] * 2


async def test_a_source_that_fails_ends_with_the_reason(watched: Watched) -> None:
    watched.events = [EVENT, coded(ErrorCode.UNAVAILABLE, "not now"), EVENT]
    _, failed = await watched.answers()

    assert failed.refused
    assert failed.body["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_an_event_whose_answer_may_depend_on_who_asks_is_executed_for_each(watched: Watched) -> None:
    query = "subscription S { balance { version } } query Q { viewer { kind } }"
    for _ in range(3):
        await watched.answers(query, operation_name="S")

    assert watched.executions == 3


@pytest.mark.parametrize(
    ("query", "alone"),
    [
        ("subscription { balance { version today { limit } expiringNext { amount } __typename } }", True),
        ("subscription { balance { ...B } } fragment B on Balance { version asOf }", True),
        ("subscription { balance { version } } query Q { viewer { kind } }", False),
        ("query { account { id entries { totalCount } } }", False),
        ("query { account { balance { version } } }", False),
    ],
)
def test_an_answer_depends_on_the_event_alone_where_no_field_has_a_resolver(query: str, alone: bool) -> None:
    assert depends_on_events_alone(SCHEMA, parse(query)) is alone


def test_what_is_kept_is_bounded_in_number_and_in_size() -> None:
    shared = SharedAnswers()
    events = [shown_balance(a_balance(version=number)) for number in range(SHARED_MAX + 1)]
    for event in events:
        shared.keep(event, ASKED, Answer({"data": None}))
    large = Answer({"data": "x" * SHARED_BYTES_MAX})
    shared.keep(EVENT, ASKED, large)

    assert shared.find(events[0], ASKED) is None
    assert shared.find(events[1], ASKED) is not None
    assert shared.find(EVENT, ASKED) is None


def test_an_event_is_kept_while_its_answer_is_so_that_no_other_takes_its_identity() -> None:
    class Event:
        pass

    shared = SharedAnswers()
    event = Event()
    shared.keep(event, ASKED, Answer({"data": None}))
    kept = weakref.ref(event)
    del event
    gc.collect()
    assert kept() is not None

    for number in range(SHARED_MAX):
        shared.keep(object(), Asked(number, None, b""), Answer({"data": None}))
    gc.collect()
    assert kept() is None


async def test_a_closed_subscription_closes_its_source(watched: Watched) -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[Any]:
        try:
            yield EVENT
            await asyncio.sleep(3600)
        finally:
            closed.set()

    stream = subscriptions.Subscription(source(), None, ASKED, "r", {}, None)
    await anext(stream._source)
    await stream.aclose()

    assert closed.is_set()
