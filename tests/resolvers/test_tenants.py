from __future__ import annotations

from uuid import UUID

from graphql import GraphQLInputObjectType, GraphQLSchema

from models.tenant import TenantMode
from rules.identity import IdKind, public_id
from rules.ledger.records import Page, Slice
from rules.pricing.refusals import InvalidInput
from services.tenant_clock import ADVANCE_SECONDS_MAX, AHEAD_SECONDS_MAX
from services.tenants import CreatedTenant, TenantRecord
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import NOON, ROOT, TENANT, Stage

KEY = UUID(int=77)
TENANT_ID = public_id(IdKind.TENANT, TENANT)

CREATE_TENANT = """mutation { createTenant(input: {slug: "acme", name: "Acme", mode: TEST, priceBook: "node-studio"}) {
    __typename ... on CreateTenantSuccess { tenantId secretKey } ... on InvalidInput { field } } }"""
ADVANCE = "mutation($s: Int!) { advanceClock(input: {seconds: $s}) { __typename ... on AdvanceClockSuccess { now } } }"


async def test_the_root_key_creates_a_tenant_with_its_first_key(ask: Ask, stage: Stage) -> None:
    stage.tenants.answers["create_tenant"] = CreatedTenant(
        TENANT, "acme", "Acme", TenantMode.TEST, KEY, 1, "shown once"
    )

    result = await ask(CREATE_TENANT, ROOT)

    assert stage.tenants.calls == [
        ("create_tenant", (), {"slug": "acme", "name": "Acme", "mode": TenantMode.TEST, "price_book": "node-studio"})
    ]
    assert result.data == {
        "createTenant": {"__typename": "CreateTenantSuccess", "tenantId": TENANT_ID, "secretKey": "shown once"}
    }


async def test_a_tenant_that_cannot_be_is_an_invalid_input(ask: Ask, stage: Stage) -> None:
    stage.tenants.answers["create_tenant"] = InvalidInput("slug", "is another tenant's already")

    result = await ask(CREATE_TENANT, ROOT)

    assert result.data == {"createTenant": {"__typename": "InvalidInput", "field": "slug"}}


async def test_the_clock_says_its_new_time_or_why_it_was_not_moved(ask: Ask, stage: Stage) -> None:
    stage.clocks.answers["advance"] = NOON
    moved = await ask(ADVANCE, s=60)
    stage.clocks.answers["advance"] = InvalidInput("seconds", "m")
    refused = await ask(ADVANCE, s=-1)

    assert moved.data == {"advanceClock": {"__typename": "AdvanceClockSuccess", "now": "2026-03-01T12:00:00Z"}}
    assert refused.data == {"advanceClock": {"__typename": "InvalidInput"}}
    assert [arguments for _, arguments, _ in stage.clocks.calls] == [(TENANT, 60), (TENANT, -1)]


def test_the_bounds_of_the_clock_are_told_as_they_are(schema: GraphQLSchema) -> None:
    input = schema.type_map["AdvanceClockInput"]
    assert isinstance(input, GraphQLInputObjectType)
    described = input.fields["seconds"].description

    assert described is not None
    assert f"{ADVANCE_SECONDS_MAX:,}" in described
    assert f"{AHEAD_SECONDS_MAX:,}" in described


async def test_the_operator_lists_tenants_by_slug(ask: Ask, stage: Stage) -> None:
    stage.tenants.answers |= {
        "list": Page((TenantRecord(TENANT, "acme", "Acme", TenantMode.LIVE, NOON),), has_more=True),
        "count": 5,
    }

    result = await ask(
        "{ tenants(first: 1) { totalCount nodes { id slug name mode createdAt } pageInfo { endCursor hasNextPage } } }",
        ROOT,
    )

    assert result.data is not None
    tenants = result.data["tenants"]
    assert tenants["nodes"] == [
        {"id": TENANT_ID, "slug": "acme", "name": "Acme", "mode": "LIVE", "createdAt": "2026-03-01T12:00:00Z"}
    ]
    assert (tenants["totalCount"], tenants["pageInfo"]["hasNextPage"]) == (5, True)
    await ask("query($a: String!) { tenants(after: $a) { totalCount } }", ROOT, a=tenants["pageInfo"]["endCursor"])
    assert stage.tenants.calls[-2] == ("list", (Slice(50, "acme"),), {})
