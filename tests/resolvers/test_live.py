from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, subscribe
from graphql import parse as parse_document

from resolvers.context import Context
from rules.identity import IdKind, public_id
from rules.ledger.burn_down import Spender
from services.ledger.live_views import BalanceView
from tests.resolvers.stage import (
    ACCOUNT_ID,
    HOLD_ID,
    MEMBER,
    MEMBER_ID,
    OTHER_TENANT,
    SECRET,
    Stage,
    a_balance,
    a_member,
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
    waiting = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
    await stage.live.listened.wait()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await events.aclose()  # type: ignore[union-attr]

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
