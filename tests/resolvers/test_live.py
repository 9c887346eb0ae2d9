from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, subscribe
from graphql import parse as parse_document

from resolvers.context import Context
from rules.identity import IdKind, public_id
from tests.resolvers.stage import ACCOUNT_ID, HOLD_ID, OTHER_TENANT, SECRET, Stage, a_balance

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
