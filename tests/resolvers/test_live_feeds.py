"""Usage and holds as they are subscribed to: what is watched for whom, and how it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from graphql import ExecutionResult, GraphQLSchema, graphql, subscribe
from graphql import parse as parse_document

from models.account import AccountKind
from resolvers.context import Context
from rules.identity import IdKind, public_id
from rules.ledger.hold_events import HoldsView
from rules.ledger.kinds import HoldState, MemberRole
from rules.ledger.outcomes import GrantEffect, HoldEffect
from rules.ledger.records import CaptureView, LineView, MembersSeen
from rules.ledger.requests import CommitRequest, GrantRequest, ReserveRequest
from rules.ledger.usage_events import Breakdown, Sums, UsageView
from rules.pricing.formulas import PricingType
from rules.pricing.rating import LineRequest
from rules.pricing.tokens import MICROS
from server.composition import open_services
from services.accounts import AccountRecord
from services.ledger.live_feeds import FeedEvent, HoldsFeed, UsageFeed
from services.live.view import View
from services.principal import Principal
from tests.patience import eventually
from tests.resolvers.credential_world import a_tenant
from tests.resolvers.stage import (
    ACCOUNT,
    ACCOUNT_ID,
    HOLD_ID,
    MEMBER,
    MEMBER_ID,
    NOON,
    OTHER_TENANT,
    SECRET,
    TENANT,
    Stage,
    a_client_token,
    a_holds_event,
    a_member,
    a_usage_event,
)

SUM = "{ date model category memberId project tokens refunded uses operations }"
USAGE = f"""subscription($id: ID, $member: ID, $project: String) {{
    usage(accountId: $id, memberId: $member, project: $project) {{
        accountId memberId project version asOf snapshot dayEndsAt today {SUM} rows {SUM} rest {SUM} }} }}"""
HOLDS = """subscription($id: ID, $member: ID) { holds(accountId: $id, memberId: $member) {
    accountId memberId version asOf snapshot openCount held
    holds { id state amount remaining captures { amount at } lines { cost } priceBook { version } } } }"""


async def start(
    schema: GraphQLSchema, stage: Stage, query: str, principal: Principal = SECRET, **variables: Any
) -> Any:
    variables = {"id": ACCOUNT_ID, **variables}
    started = subscribe(
        schema, parse_document(query), context_value=Context(principal, stage), variable_values=variables
    )
    return started if isinstance(started, AsyncIterator | ExecutionResult) else await started


async def shown(schema: GraphQLSchema, stage: Stage, query: str, *events: Any, **variables: Any) -> list[Any]:
    """What a subscription answers where these are its events."""
    answers = await start(schema, stage, query, **variables)
    first = asyncio.ensure_future(anext(answers))
    await stage.live.listened.wait()
    for event in events:
        stage.live.push(FeedEvent(event, event))
    return [await first, *[await anext(answers) for _ in events[1:]]]


async def test_usage_is_shown_whole(schema: GraphQLSchema, stage: Stage) -> None:
    rest = Breakdown({}, Sums(7 * MICROS, 0, 1, 1))
    told = a_usage_event(view=UsageView(project="film"))

    first, second = await shown(schema, stage, USAGE, told, a_usage_event(snapshot=True, added=rest))

    assert first.errors is None
    row = {"date": "2026-03-01", "model": "flux", "category": "image", "memberId": MEMBER_ID, "project": "film"}
    nothing = dict.fromkeys(row)
    today = {"tokens": "15", "refunded": "5", "uses": 2**40, "operations": 3}
    assert first.data["usage"] == {
        "accountId": ACCOUNT_ID,
        "memberId": None,
        "project": "film",
        "version": 9,
        "asOf": "2026-03-01T12:00:00Z",
        "snapshot": False,
        "dayEndsAt": "2026-03-02T00:00:00Z",
        "today": {**nothing, "date": "2026-03-01", "project": "film", **today},
        "rows": [{**row, "tokens": "-1", "refunded": "3", "uses": 4, "operations": 1}],
        "rest": None,
    }
    assert second.data["usage"]["snapshot"] is True
    assert second.data["usage"]["rows"] == []
    assert second.data["usage"]["rest"] == {**nothing, "tokens": "7", "refunded": "0", "uses": 1, "operations": 1}


NOT_ALL = MembersSeen(everyone=False)


@pytest.mark.parametrize(
    ("query", "principal", "variables", "view"),
    [
        (USAGE, SECRET, {}, UsageFeed(UsageView())),
        (USAGE, SECRET, {"member": MEMBER_ID, "project": "film"}, UsageFeed(UsageView(MEMBER, "film"))),
        (USAGE, a_client_token(), {}, UsageFeed(UsageView(by_member=False))),
        (USAGE, a_client_token(role=MemberRole.ADMIN), {}, UsageFeed(UsageView())),
        (HOLDS, SECRET, {}, HoldsFeed(HoldsView())),
        (HOLDS, SECRET, {"member": MEMBER_ID}, HoldsFeed(HoldsView(MEMBER))),
        (HOLDS, a_client_token(), {}, HoldsFeed(HoldsView(seen=NOT_ALL))),
    ],
)
async def test_who_asks_decides_what_is_watched(
    schema: GraphQLSchema, stage: Stage, query: str, principal: Principal, variables: dict[str, Any], view: View[Any]
) -> None:
    stage.reads.answers["member"] = a_member()
    events = await start(schema, stage, query, principal, **variables)
    first = asyncio.ensure_future(anext(events))
    await stage.live.listened.wait()
    first.cancel()

    assert stage.live.views == [view]
    assert stage.live.since == [None]


@pytest.mark.parametrize("query", [USAGE, HOLDS])
@pytest.mark.parametrize(
    "variables",
    [
        {"id": None},
        {"id": HOLD_ID},
        {"id": public_id(IdKind.ACCOUNT, OTHER_TENANT)},
        {"member": "nonsense"},
        {"member": public_id(IdKind.MEMBER, OTHER_TENANT, part=MEMBER)},
        {"member": MEMBER_ID},
    ],
)
async def test_what_is_not_there_is_an_error_and_no_stream(
    schema: GraphQLSchema, stage: Stage, query: str, variables: dict[str, Any]
) -> None:
    refused = await start(schema, stage, query, **variables)

    assert isinstance(refused, ExecutionResult)
    assert refused.errors is not None
    assert refused.errors[0].extensions == {"code": "BAD_USER_INPUT"}
    assert stage.live.views == []


async def test_a_project_that_cannot_be_is_refused(schema: GraphQLSchema, stage: Stage) -> None:
    refused = await start(schema, stage, USAGE, project=" ")

    assert isinstance(refused, ExecutionResult)
    assert refused.errors is not None


async def test_holds_are_shown_whole_and_read_once_for_what_was_captured(schema: GraphQLSchema, stage: Stage) -> None:
    asked: list[tuple[Any, ...]] = []

    def captures(
        tenant: UUID, account: UUID, hold_ids: Sequence[int], version: int
    ) -> Mapping[int, tuple[CaptureView, ...]]:
        asked.append((tenant, account, tuple(hold_ids), version))
        return {7: (CaptureView(2 * MICROS, NOON, ()),)}

    stage.reads.answers["latest_captures"] = captures
    line = LineView(None, "flux", "image", 1, MICROS, 2 * MICROS, MICROS, MICROS, PricingType.FLAT, 3, ())
    stage.reads.answers["lines_of_holds"] = {7: (line,)}
    event = a_holds_event(*range(7, 107))

    (answer,) = await shown(schema, stage, HOLDS, event)

    assert answer.errors is None
    told = answer.data["holds"]
    assert {key: told[key] for key in told if key != "holds"} == {
        "accountId": ACCOUNT_ID,
        "memberId": None,
        "version": 9,
        "asOf": "2026-03-01T12:00:00Z",
        "snapshot": True,
        "openCount": 123,
        "held": "456",
    }
    assert len(told["holds"]) == 100
    assert told["holds"][0]["id"] == HOLD_ID
    assert told["holds"][0]["state"] == HoldState.OPEN
    assert told["holds"][0]["captures"] == [{"amount": "2", "at": "2026-03-01T12:00:00Z"}]
    assert all(hold["captures"] == [] for hold in told["holds"][1:])
    assert asked == [(TENANT, ACCOUNT, tuple(range(7, 107, 2)), 9)], "one read, of those captured from"
    assert told["holds"][0]["lines"] == [{"cost": "2"}]
    read = [name for name, _, _ in stage.reads.calls]
    assert read.count("lines_of_holds") == 1
    assert not {"hold_captures", "hold_lines"} & set(read)


async def test_what_was_captured_is_read_once_for_all_who_are_told(schema: GraphQLSchema, stage: Stage) -> None:
    stage.reads.answers |= {"latest_captures": {}, "lines_of_holds": {}}
    answers = [await start(schema, stage, HOLDS) for _ in range(3)]
    firsts = [asyncio.ensure_future(anext(events)) for events in answers]
    await eventually(lambda: len(stage.live.listeners) == 3)
    told = a_holds_event(7, 8)
    stage.live.push(FeedEvent(told, told))
    results = await asyncio.gather(*firsts)

    assert all(result.errors is None for result in results)
    assert [name for name, _, _ in stage.reads.calls].count("latest_captures") == 1
    assert [name for name, _, _ in stage.reads.calls].count("lines_of_holds") == 1


async def test_an_events_holds_show_the_lines_and_captures_that_they_have(schema: GraphQLSchema, dsn: str) -> None:
    shown_of_a_hold = (
        "id state amount lines { model count cost steps { label amount } } captures { amount lines { cost } }"
    )
    async with open_services(dsn, root_key="the root key") as services:
        _, backend = await a_tenant(services, "ours")
        tenant_id = backend.tenant_id
        assert tenant_id is not None
        account = await services.accounts.create(
            tenant_id, external_id="rider", name="Rider", kind=AccountKind.PERSONAL, time_zone="UTC"
        )
        assert isinstance(account, AccountRecord)
        owner = account.account_id
        granted = await services.grants.grant_tokens(GrantRequest(tenant_id, owner, "first", 1_000 * MICROS))
        assert isinstance(granted, GrantEffect)
        context = Context(backend, services)
        events: Any = await subscribe(
            schema,
            parse_document(f"subscription($id: ID) {{ holds(accountId: $id) {{ holds {{ {shown_of_a_hold} }} }} }}"),
            context_value=context,
            variable_values={"id": public_id(IdKind.ACCOUNT, owner)},
        )
        assert (await anext(events)).data == {"holds": {"holds": []}}
        work = (LineRequest("upscale", count=3), LineRequest("picture", {"steps": 50}))
        reserved = await services.fares.reserve(ReserveRequest(tenant_id, owner, "r", work=work))
        assert isinstance(reserved, HoldEffect), reserved
        committed = await services.fares.commit(
            CommitRequest(tenant_id, owner, "c", hold_id=reserved.hold.hold_id, actual=work[:1], final=False)
        )
        assert isinstance(committed, HoldEffect), committed

        told: list[Any] = []
        while not told or not told[-1]["captures"]:
            (hold,) = (await asyncio.wait_for(anext(events), 20)).data["holds"]["holds"]
            told.append(hold)
        await events.aclose()

        asked = await graphql(
            schema,
            f'{{ hold(id: "{told[-1]["id"]}") {{ {shown_of_a_hold} }} }}',
            context_value=context,
        )
        assert asked.data == {"hold": told[-1]}
        assert [line["model"] for line in told[-1]["lines"]] == ["upscale", "picture"]
        assert [capture["amount"] for capture in told[-1]["captures"]] == ["24"]
