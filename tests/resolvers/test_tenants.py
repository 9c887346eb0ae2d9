from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLInputObjectType, GraphQLSchema

from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.identity import IdKind, public_id
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.credentials import CreatedApiKey, RevokedApiKey
from services.tenant_clock import ADVANCE_SECONDS_MAX, AHEAD_SECONDS_MAX
from services.tenants import CreatedTenant
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import NOON, ROOT, SECRET, TENANT, Stage

KEY = UUID(int=77)
KEY_ID = public_id(IdKind.API_KEY, KEY)
TENANT_ID = public_id(IdKind.TENANT, TENANT)

CREATE_TENANT = """mutation { createTenant(input: {slug: "acme", name: "Acme", mode: TEST, priceBook: "node-studio"}) {
    __typename ... on CreateTenantSuccess { tenantId secretKey } ... on InvalidInput { field } } }"""
CREATE_KEY = """mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    __typename ... on CreateApiKeySuccess { id key } } }"""
REVOKE_KEY = (
    "mutation($id: ID!) { revokeApiKey(input: {id: $id}) { __typename ... on RevokeApiKeySuccess { id revokedAt } } }"
)
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


@pytest.mark.parametrize("principal", [ROOT, SECRET])
async def test_keys_are_made_for_whom_the_credential_allows(ask: Ask, stage: Stage, principal: Any) -> None:
    stage.api_keys.answers["create_api_key"] = CreatedApiKey(KEY, "shown once")
    given = {"name": "CI", "kind": "SECRET", "tenantId": TENANT_ID, "expiresAt": "2027-01-01T00:00:00Z"}

    result = await ask(CREATE_KEY, principal, input=given)

    assert result.data == {"createApiKey": {"__typename": "CreateApiKeySuccess", "id": KEY_ID, "key": "shown once"}}
    assert stage.api_keys.calls == [
        (
            "create_api_key",
            (principal,),
            {
                "name": "CI",
                "kind": ApiKeyKind.SECRET,
                "tenant_id": TENANT,
                "expires_at": datetime(2027, 1, 1, tzinfo=UTC),
            },
        )
    ]


@pytest.mark.parametrize("refusal", [NotFound("tenant"), InvalidInput("tenantId", "m")])
async def test_every_refusal_of_a_key_is_a_member_of_its_result(ask: Ask, stage: Stage, refusal: Any) -> None:
    stage.api_keys.answers |= {"create_api_key": refusal, "revoke_api_key": NotFound("key")}

    created = await ask(CREATE_KEY, input={"name": "CI", "kind": "SECRET"})
    foreign = await ask(CREATE_KEY, ROOT, input={"name": "CI", "kind": "SECRET", "tenantId": KEY_ID})
    revoked = await ask(REVOKE_KEY, id=KEY_ID)
    wrong = await ask(REVOKE_KEY, id=TENANT_ID)

    assert created.data == {"createApiKey": {"__typename": type(refusal).__name__}}
    assert foreign.data == {"createApiKey": {"__typename": "NotFound"}}
    assert revoked.data == wrong.data == {"revokeApiKey": {"__typename": "NotFound"}}


async def test_a_key_is_revoked_by_its_id(ask: Ask, stage: Stage) -> None:
    stage.api_keys.answers["revoke_api_key"] = RevokedApiKey(KEY, NOON)

    result = await ask(REVOKE_KEY, id=KEY_ID)

    assert stage.api_keys.calls == [("revoke_api_key", (SECRET, KEY), {})]
    assert result.data == {
        "revokeApiKey": {"__typename": "RevokeApiKeySuccess", "id": KEY_ID, "revokedAt": "2026-03-01T12:00:00Z"}
    }


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
