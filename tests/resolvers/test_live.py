from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, subscribe
from graphql import parse as parse_document
from strawberry.types.field import StrawberryField

from models.unavailable import DatabaseUnreachable
from resolvers import live as live_resolvers
from resolvers.context import Context
from resolvers.roots import Subscription
from rules.identity import IdKind, member_id_of, public_id
from rules.ledger.alerting import AlertEvent
from rules.ledger.burn_down import Spender
from rules.ledger.hold_events import HoldsView
from rules.ledger.kinds import AlertKind
from rules.ledger.records import MembersSeen
from rules.ledger.usage_events import UsageView
from services.ledger.live_feeds import FeedEvent, HoldsFeed, UsageFeed
from services.ledger.live_views import BalanceView, CrossingsEvent, CrossingsView, DayLimitView
from services.principal import Principal
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    HOLD_ID,
    MEMBER,
    MEMBER_ID,
    NOON,
    OTHER_TENANT,
    ROOT,
    SECRET,
    Stage,
    a_balance,
    a_client_token,
    a_holds_event,
    a_limit,
    a_member,
    a_usage_event,
)

BALANCE = (
    "subscription($id: ID, $since: Version) { balance(accountId: $id, sinceVersion: $since) { version available } }"
)


async def start(
    schema: GraphQLSchema, stage: Stage, **variables: Any
) -> AsyncIterator[ExecutionResult] | ExecutionResult:
    started = subscribe(
        schema, parse_document(BALANCE), context_value=Context(SECRET, stage), variable_values=variables
    )
    return started if isinstance(started, AsyncIterator | ExecutionResult) else await started


async def test_every_snapshot_of_the_source_is_shown(schema: GraphQLSchema, stage: Stage) -> None:
    events = await start(schema, stage, id=ACCOUNT_ID, since=4)
    assert isinstance(events, AsyncIterator)
    first = asyncio.ensure_future(anext(events))
    await stage.live.listened.wait()
    stage.live.push(a_balance(version=5))
    stage.live.push(a_balance(version=6, available=0))

    assert (await first).data == {"balance": {"version": 5, "available": "65"}}
    assert (await anext(events)).data == {"balance": {"version": 6, "available": "0"}}
    assert stage.live.since == [4]


async def test_who_leaves_is_forgotten(schema: GraphQLSchema, stage: Stage) -> None:
    events = await start(schema, stage, id=ACCOUNT_ID)
    waiting = asyncio.ensure_future(anext(events))
    await stage.live.listened.wait()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await events.aclose()

    assert stage.live.listeners == []


@pytest.mark.parametrize("id", [None, "", "nonsense", HOLD_ID, public_id(IdKind.ACCOUNT, OTHER_TENANT)])
async def test_an_account_that_is_not_the_tenants_is_an_error_and_no_stream(
    schema: GraphQLSchema, stage: Stage, id: str | None
) -> None:
    refused = await start(schema, stage, id=id)

    assert isinstance(refused, ExecutionResult)
    assert refused.data is None
    assert refused.errors is not None
    assert refused.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert stage.live.since == []


OF_A_MEMBER = "subscription($id: ID, $member: ID) { balance(accountId: $id, memberId: $member) { version memberId } }"


async def start_for_a_member(schema: GraphQLSchema, stage: Stage, member: str = MEMBER_ID) -> Any:
    variables = {"id": ACCOUNT_ID, "member": member}
    started = subscribe(
        schema, parse_document(OF_A_MEMBER), context_value=Context(SECRET, stage), variable_values=variables
    )
    return started if isinstance(started, AsyncIterator | ExecutionResult) else await started


async def test_a_member_watches_its_own_balance(schema: GraphQLSchema, stage: Stage) -> None:
    stage.reads.answers["member"] = a_member()
    events = await start_for_a_member(schema, stage)
    first = asyncio.ensure_future(anext(events))
    await stage.live.listened.wait()
    stage.live.push(a_balance(version=5, spender=Spender(MEMBER)))

    assert (await first).data == {"balance": {"version": 5, "memberId": MEMBER_ID}}
    assert stage.live.views == [BalanceView(Spender(MEMBER))]


@pytest.mark.parametrize("member", ["nonsense", public_id(IdKind.MEMBER, OTHER_TENANT, part=MEMBER), MEMBER_ID])
async def test_a_member_that_is_not_the_accounts_is_an_error_and_no_stream(
    schema: GraphQLSchema, stage: Stage, member: str
) -> None:
    refused = await start_for_a_member(schema, stage, member)

    assert isinstance(refused, ExecutionResult)
    assert refused.errors is not None
    assert refused.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert stage.live.since == []


@pytest.mark.parametrize("asked", ["has_account", "has_member"])
@pytest.mark.parametrize("fails", [True, False])
async def test_who_waits_for_a_database_that_stays_away_is_refused_in_time(
    schema: GraphQLSchema, stage: Stage, monkeypatch: pytest.MonkeyPatch, asked: str, fails: bool
) -> None:
    """However long each try takes by itself."""
    monkeypatch.setattr(live_resolvers, "JOIN_SECONDS_MAX", 0.1)
    monkeypatch.setattr(live_resolvers, "PAUSES_SECONDS", (0.0,))

    async def is_away(*_: object) -> bool:
        if fails:
            raise DatabaseUnreachable("gone")
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(stage.reads, asked, is_away, raising=False)
    async with asyncio.timeout(5):
        refused = await start_for_a_member(schema, stage)

    assert isinstance(refused, ExecutionResult)
    assert refused.errors is not None
    assert isinstance(refused.errors[0].original_error, DatabaseUnreachable)
    assert stage.live.since == []


ALL_OF_LIVE = {
    "balance": "{ balance(accountId: $id) { version } }",
    "dailyLimit": "{ dailyLimit(accountId: $id) { version } }",
    "lowBalance": "{ lowBalance(accountId: $id) { id } }",
    "holds": "{ holds(accountId: $id) { version } }",
    "usage": "{ usage(accountId: $id) { version } }",
}


async def begin(
    schema: GraphQLSchema, stage: Stage, field: str, principal: Principal | None = SECRET, id: str | None = ACCOUNT_ID
) -> Any:
    started = subscribe(
        schema,
        parse_document(f"subscription($id: ID) {ALL_OF_LIVE[field]}"),
        context_value=Context(principal, stage),
        variable_values={"id": id},
    )
    return started if isinstance(started, AsyncIterator | ExecutionResult) else await started


def test_every_subscription_checks_access_before_its_stream_begins(schema: GraphQLSchema) -> None:
    assert schema.subscription_type is not None
    assert set(schema.subscription_type.fields) == set(ALL_OF_LIVE), "add a document, so that its refusals are tested"
    for name, field in {field.name: field for field in _live_fields()}.items():
        assert field.base_resolver is not None
        resolver = field.base_resolver.wrapped_func
        assert inspect.iscoroutinefunction(resolver), f"{name} refuses within its stream, which shows a null event"


def _live_fields() -> list[StrawberryField]:
    return Subscription.__strawberry_definition__.fields


@pytest.mark.parametrize("field", ALL_OF_LIVE)
async def test_without_access_there_is_an_error_and_no_stream(schema: GraphQLSchema, stage: Stage, field: str) -> None:
    nobodys = public_id(IdKind.ACCOUNT, OTHER_TENANT)
    for principal, id, code in (
        (None, ACCOUNT_ID, "UNAUTHENTICATED"),
        (ROOT, ACCOUNT_ID, "FORBIDDEN"),
        (SECRET, nobodys, "BAD_USER_INPUT"),
        (SECRET, None, "BAD_USER_INPUT"),
        (a_client_token(), nobodys, "BAD_USER_INPUT"),
    ):
        refused = await begin(schema, stage, field, principal, id)
        assert isinstance(refused, ExecutionResult)
        assert refused.data is None
        assert [error.extensions for error in refused.errors or []] == [{"code": code}]
    assert stage.live.views == []


@pytest.mark.parametrize("field", ALL_OF_LIVE)
async def test_a_client_token_that_names_no_account_watches_its_own(
    schema: GraphQLSchema, stage: Stage, field: str
) -> None:
    events = await begin(schema, stage, field, a_client_token(), None)
    coming = asyncio.ensure_future(anext(events))
    await stage.live.listened.wait()

    expected = {
        "balance": BalanceView(),
        "dailyLimit": DayLimitView(),
        "lowBalance": CrossingsView(),
        "holds": HoldsFeed(HoldsView(seen=MembersSeen(everyone=False))),
        "usage": UsageFeed(UsageView(by_member=False)),
    }
    assert stage.live.views == [expected[field]]
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)


OF_A_DAY = "subscription($id: ID, $member: ID) { dailyLimit(accountId: $id, memberId: $member) { version } }"


@pytest.mark.parametrize("document", [OF_A_MEMBER, OF_A_DAY])
async def test_a_members_token_does_not_watch_another_member(
    schema: GraphQLSchema, stage: Stage, document: str
) -> None:
    stage.reads.answers["member"] = a_member()
    other = member_id_of(ACCOUNT, "ben")
    for token_of, is_seen in ((MEMBER, True), (other, False)):
        principal = replace(a_client_token(), member_id=token_of)
        variables = {"id": ACCOUNT_ID, "member": MEMBER_ID}
        started = subscribe(
            schema, parse_document(document), context_value=Context(principal, stage), variable_values=variables
        )
        begun = started if isinstance(started, AsyncIterator | ExecutionResult) else await started
        assert isinstance(begun, AsyncIterator) is is_seen
        if isinstance(begun, ExecutionResult):
            assert [error.extensions for error in begun.errors or []] == [{"code": "BAD_USER_INPUT"}]


@pytest.mark.parametrize("field", ALL_OF_LIVE)
async def test_all_who_watch_the_same_are_given_one_object_to_write_out(
    schema: GraphQLSchema, stage: Stage, field: str
) -> None:
    assert schema.subscription_type is not None
    source = schema.subscription_type.fields[field].subscribe
    assert source is not None
    coming = []
    for _ in range(2):
        stream = await source(None, SimpleNamespace(context=Context(SECRET, stage)), account_id=ACCOUNT_ID)
        coming.append(asyncio.ensure_future(anext(stream)))
        await asyncio.sleep(0.01)
    crossing = AlertEvent(1, AlertKind.LOW_BALANCE, NOON, 3, 0, threshold_percent=20)
    holds, usage = a_holds_event(7), a_usage_event()
    events = {
        "balance": a_balance(),
        "holds": FeedEvent(holds, holds),
        "usage": FeedEvent(usage, usage),
        "dailyLimit": a_limit(),
        "lowBalance": CrossingsEvent(ACCOUNT, 3, NOON, after=1, through=1, snapshot=(crossing,)),
    }
    stage.live.push(events[field])

    first, second = await asyncio.gather(*coming)
    assert first is not None
    assert first is second


def test_nothing_keeps_what_was_read_for_the_life_of_a_socket() -> None:
    sources = [path for layer in ("resolvers", "schema", "server") for path in Path(layer).rglob("*.py")]
    assert len(sources) > 50
    assert [str(path) for path in sources if "DataLoader" in path.read_text(encoding="utf-8")] == []
