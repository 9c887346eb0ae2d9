"""A plan makes of an event what the library's executor makes of it, and leaves to that whatever it does not know."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
import strawberry
from graphql import ExecutionResult, Executor, execute_subscription_event, parse, validate

from resolvers.context import Context
from resolvers.roots import build_schema
from rules.ledger.alerting import AlertEvent
from rules.ledger.kinds import AlertKind
from schema.alerts import shown_warning
from schema.balances import shown_balance
from schema.limits import shown_limit
from schema.usage import shown_usage_event
from server.edge import execution, subscriptions
from server.edge.answers import Answer
from server.edge.documents import Document, Documents
from server.edge.event_plans import NotPlain, plan_of
from server.edge.execution import Execution, Operation
from server.edge.trusted_documents import TrustedDocuments
from tests.resolvers.stage import ACCOUNT, NOON, SECRET, Stage, a_balance, a_limit, a_usage_event

SCHEMA = build_schema()
DAY = "id accountId version asOf scope period memberId project limit consumed remaining level resetsAt"
BALANCE = f"""
    __typename id accountId memberId project version total held available assigned owed unlimited level remainingPercent
    today {{ {DAY} }} expiringNext {{ amount expiresAt }} asOf
"""
CROSSING = AlertEvent(1, AlertKind.LOW_BALANCE, NOON, 3, 0, threshold_percent=20)


@strawberry.type
class Sum:
    """What is told, and what is worked out of it."""

    first: int
    second: int

    @strawberry.field
    def total(self) -> int:
        return self.first + self.second


@strawberry.type
class Asked:
    """A schema needs one."""

    nothing: int = 0


@strawberry.type
class Told:
    """A subscription."""

    @strawberry.subscription
    async def sum(self) -> AsyncIterator[Sum]:
        yield Sum(first=1, second=2)


def executor_of(query: str, variables: dict[str, Any] | None = None) -> Executor[Any]:
    node = parse(query)
    assert validate(SCHEMA, node) == []
    executor = Executor.build(SCHEMA, node, raw_variable_values=variables, is_awaitable=execution._IS_AWAITABLE)
    assert isinstance(executor, Executor), executor
    return executor


def executed(executor: Executor[Any], event: object) -> ExecutionResult:
    result = execute_subscription_event(executor.build_per_event_executor(event))
    assert isinstance(result, ExecutionResult)
    return result


def text_of(data: Any) -> str:
    """With the order of its members, which clients see."""
    return json.dumps(data)


@pytest.mark.parametrize(
    ("query", "event"),
    [
        (f"subscription {{ balance {{ {BALANCE} }} }}", shown_balance(a_balance())),
        (
            f"subscription {{ balance {{ {BALANCE} }} }}",
            shown_balance(a_balance(mark=0, expiring_amount=7, expiring_at=NOON + timedelta(days=1))),
        ),
        (f"subscription {{ balance {{ {BALANCE} }} }}", None),
        ("subscription ($id: ID) { mine: balance(accountId: $id) { b: held a: version } }", shown_balance(a_balance())),
        (
            "subscription { ...S } fragment S on Subscription { balance { held ...B ... on Balance { version today "
            "{ limit } } ... { owed } ...B } } fragment B on Balance { total today { level kind: __typename } held }",
            shown_balance(a_balance()),
        ),
        (f"subscription {{ dailyLimit {{ {DAY} }} }}", shown_limit(a_limit())),
        (f"subscription {{ dailyLimit {{ {DAY} }} }}", shown_limit(a_limit(limit=None))),
        (
            "subscription { lowBalance { id accountId version available thresholdPercent thresholdTokens snapshot "
            "autoTopUp at } }",
            shown_warning(ACCOUNT, CROSSING, snapshot=True),
        ),
        (
            "subscription { usage { version dayEndsAt today { tokens operations } rows { date model category memberId "
            "project tokens } } }",
            shown_usage_event(a_usage_event()),
        ),
    ],
)
def test_what_goes_well_is_what_the_executor_makes_of_it(query: str, event: object) -> None:
    executor = executor_of(query)
    plan = plan_of(executor)
    result = executed(executor, event)

    assert plan is not None
    assert result.errors is None
    assert text_of(plan(event)) == text_of(result.data)


@pytest.mark.parametrize(
    "query",
    [
        "subscription ($full: Boolean = false) { balance { version held @include(if: $full) } }",
        "subscription { ...S } fragment S on Subscription { balance { version held @skip(if: true) } }",
        "subscription { holds { version holds { id } } }",
    ],
    ids=["include", "skip in a fragment", "a type that is looked at"],
)
def test_what_is_no_plain_value_has_no_plan(query: str) -> None:
    assert plan_of(executor_of(query)) is None


def test_a_field_with_a_resolver_has_no_plan() -> None:
    schema = strawberry.Schema(Asked, subscription=Told)._schema
    plans = {
        names: plan_of(cast(Executor[Any], Executor.build(schema, parse(f"subscription {{ sum {{ {names} }} }}"))))
        for names in ("first second", "first total")
    }

    plan = plans["first second"]
    assert plan is not None
    assert plan(Sum(first=1, second=2)) == {"sum": {"first": 1, "second": 2}}
    assert plans["first total"] is None


@pytest.mark.parametrize(
    "event",
    [
        shown_balance(a_balance(version="nonsense")),
        shown_balance(a_balance(version=None)),
        object(),
    ],
    ids=["no number", "null where none may be", "no balance"],
)
def test_what_is_wrong_with_an_event_is_left_to_the_executor(event: object) -> None:
    executor = executor_of("subscription { balance { id version } }")
    plan = plan_of(executor)
    assert plan is not None
    with pytest.raises((NotPlain, AttributeError, ValueError)):
        plan(event)
    assert executed(executor, event).errors


class Sockets:
    """Subscriptions whose source gives the same events; counts what the library executes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *events: object) -> None:
        self.executed = 0
        self.execution = Execution(SCHEMA, Documents(SCHEMA, introspection=True), TrustedDocuments({}))
        execute = subscriptions.execute_subscription_event

        def counted(executor: Any) -> Any:
            self.executed += 1
            return execute(executor)

        async def source(*_: object) -> AsyncIterator[object]:
            for event in events:
                yield event

        monkeypatch.setattr(subscriptions, "execute_subscription_event", counted)
        monkeypatch.setattr(execution, "create_source_event_stream", source)

    def read(self, query: str, name: str | None = None) -> Document:
        read = self.execution.read(Operation(query, operation_name=name), "r")
        assert not isinstance(read, Answer), read
        return read[0]

    async def answers(self, query: str, name: str | None = None) -> list[Any]:
        operation = Operation(query, operation_name=name)
        stream = await self.execution.stream(self.read(query, name), operation, Context(SECRET, Stage()), "r")
        assert not isinstance(stream, Answer), stream
        return [json.loads(answer.text) async for answer in stream]


async def test_an_event_is_answered_by_the_plan_and_with_the_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch, shown_balance(a_balance(version=4)))
    (answer,) = await sockets.answers("subscription { balance { version } }")

    assert answer["data"] == {"balance": {"version": 4}}
    assert "cost" in answer["extensions"]
    assert sockets.executed == 0


async def test_an_event_that_a_plan_cannot_show_is_executed_and_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch, shown_balance(a_balance(version="nonsense")), shown_balance(a_balance(version=5)))
    wrong, right = await sockets.answers("subscription { balance { version } }")

    assert wrong["data"] == {"balance": None}
    assert wrong["errors"][0]["extensions"]["requestId"] == "r"
    assert right["data"] == {"balance": {"version": 5}}
    assert sockets.executed == 1


async def test_a_plan_is_made_once_for_each_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Sockets(monkeypatch, shown_balance(a_balance(version=6)))
    made: list[object] = []

    def counted(executor: Any) -> Any:
        made.append(executor)
        return plan_of(executor)

    monkeypatch.setattr(execution, "plan_of", counted)
    query = "subscription a { balance { version } } subscription b { balance { held @skip(if: false) } }"
    for _ in range(3):
        assert (await sockets.answers(query, "a"))[0]["data"] == {"balance": {"version": 6}}
        assert (await sockets.answers(query, "b"))[0]["data"] == {"balance": {"held": "35"}}

    assert len(made) == 2
    assert set(sockets.read(query, "a").plans) == {"a", "b"}
