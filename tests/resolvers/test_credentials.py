from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from models.api_key import ApiKeyKind
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from schema.connections import Listing, cursor_of
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey, KeyPlace, KeyRecord, RevokedApiKey, RotatedApiKey
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, MEMBER, MEMBER_ID, NOON, ROOT, SECRET, TENANT, Stage

KEY = UUID(int=77)
KEY_ID = public_id(IdKind.API_KEY, KEY)
TENANT_ID = public_id(IdKind.TENANT, TENANT)

CREATE_KEY = """mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    __typename ... on CreateApiKeySuccess { id key } } }"""
REVOKE_KEY = (
    "mutation($id: ID!) { revokeApiKey(input: {id: $id}) { __typename ... on RevokeApiKeySuccess { id revokedAt } } }"
)
ROTATE_KEY = """mutation($input: RotateApiKeyInput!) { rotateApiKey(input: $input) {
    __typename ... on RotateApiKeySuccess { id key oldKeyEndsAt } ... on InvalidInput { field } } }"""
CREATE_TOKEN = """mutation($input: CreateClientTokenInput!) { createClientToken(input: $input) {
    __typename ... on CreateClientTokenSuccess { token expiresAt } ... on InvalidInput { field } } }"""
REVOKE_TOKENS = """mutation($input: RevokeClientTokensInput!) { revokeClientTokens(input: $input) {
    __typename ... on AccountSuccess { account { id } } } }"""
LIST_KEYS = """query($after: String, $tenantId: ID) { apiKeys(first: 1, after: $after, tenantId: $tenantId) {
    totalCount pageInfo { endCursor hasNextPage } nodes {
    id kind name hint accountId createdAt lastUsedAt tokensLastUsedAt expiresAt revokedAt } } }"""


@pytest.mark.parametrize("principal", [ROOT, SECRET])
async def test_keys_are_made_for_whom_the_credential_allows(ask: Ask, stage: Stage, principal: Any) -> None:
    stage.api_keys.answers["create_api_key"] = CreatedApiKey(KEY, "shown once")
    given = {
        "name": "CI",
        "kind": "PARTNER",
        "tenantId": TENANT_ID,
        "accountId": ACCOUNT_ID,
        "expiresAt": "2027-01-01T00:00:00Z",
    }

    result = await ask(CREATE_KEY, principal, input=given | {"expiresAt": "2027-01-01T00:00:00Z"})

    assert result.data == {"createApiKey": {"__typename": "CreateApiKeySuccess", "id": KEY_ID, "key": "shown once"}}
    assert stage.api_keys.calls == [
        (
            "create_api_key",
            (principal,),
            {
                "name": "CI",
                "kind": ApiKeyKind.PARTNER,
                "tenant_id": TENANT,
                "account_id": ACCOUNT,
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


async def test_a_rotated_key_has_a_successor_and_an_end(ask: Ask, stage: Stage) -> None:
    stage.api_keys.answers["rotate_api_key"] = RotatedApiKey(CreatedApiKey(KEY, "shown once"), NOON)

    rotated = await ask(ROTATE_KEY, input={"id": KEY_ID, "overlapSeconds": 60})
    stage.api_keys.answers["rotate_api_key"] = InvalidInput("overlapSeconds", "m")
    refused = await ask(ROTATE_KEY, input={"id": KEY_ID, "overlapSeconds": -1})
    wrong = await ask(ROTATE_KEY, input={"id": TENANT_ID, "overlapSeconds": 0})

    assert rotated.data == {
        "rotateApiKey": {
            "__typename": "RotateApiKeySuccess",
            "id": KEY_ID,
            "key": "shown once",
            "oldKeyEndsAt": "2026-03-01T12:00:00Z",
        }
    }
    assert refused.data == {"rotateApiKey": {"__typename": "InvalidInput", "field": "overlapSeconds"}}
    assert wrong.data == {"rotateApiKey": {"__typename": "NotFound"}}
    assert stage.api_keys.calls[0] == ("rotate_api_key", (SECRET, KEY), {"overlap_seconds": 60, "expires_at": None})


async def test_a_client_token_is_made_for_a_member_of_an_account_for_an_hour_unless_said(
    ask: Ask, stage: Stage
) -> None:
    stage.client_tokens.answers["create"] = CreatedClientToken("shown once", NOON)

    made = await ask(CREATE_TOKEN, input={"accountExternalId": "alice"})
    await ask(CREATE_TOKEN, input={"accountId": ACCOUNT_ID, "memberId": MEMBER_ID, "role": "ADMIN", "ttlSeconds": 5})
    unnamed = await ask(CREATE_TOKEN, input={})

    assert made.data == {
        "createClientToken": {
            "__typename": "CreateClientTokenSuccess",
            "token": "shown once",
            "expiresAt": "2026-03-01T12:00:00Z",
        }
    }
    assert unnamed.data == {"createClientToken": {"__typename": "InvalidInput", "field": "accountId"}}
    assert stage.client_tokens.calls == [
        ("create", (SECRET, ACCOUNT), {"member_id": None, "role": MemberRole.MEMBER, "ttl_seconds": 3600}),
        ("create", (SECRET, ACCOUNT), {"member_id": MEMBER, "role": MemberRole.ADMIN, "ttl_seconds": 5}),
    ]


async def test_a_member_of_another_account_is_not_found(ask: Ask, stage: Stage) -> None:
    strange = public_id(IdKind.MEMBER, TENANT, part=MEMBER)

    made = await ask(CREATE_TOKEN, input={"accountId": ACCOUNT_ID, "memberId": strange})
    both = await ask(CREATE_TOKEN, input={"accountId": ACCOUNT_ID, "memberId": MEMBER_ID, "memberExternalId": "m"})
    revoked = await ask(REVOKE_TOKENS, input={"accountId": ACCOUNT_ID, "memberId": strange})

    assert made.data == {"createClientToken": {"__typename": "NotFound"}}
    assert both.data == {"createClientToken": {"__typename": "InvalidInput", "field": "memberId"}}
    assert revoked.data == {"revokeClientTokens": {"__typename": "NotFound"}}
    assert stage.client_tokens.calls == []


async def test_a_members_tokens_are_revoked_alone(ask: Ask, stage: Stage) -> None:
    stage.client_tokens.answers["revoke"] = None

    await ask(REVOKE_TOKENS, input={"accountId": ACCOUNT_ID, "memberId": MEMBER_ID})

    assert stage.client_tokens.calls == [("revoke", (SECRET, ACCOUNT), {"member_id": MEMBER})]


async def test_tokens_of_an_account_are_revoked_together(ask: Ask, stage: Stage) -> None:
    stage.client_tokens.answers["revoke"] = None

    revoked = await ask(REVOKE_TOKENS, input={"accountId": ACCOUNT_ID})
    stage.client_tokens.answers["revoke"] = NotFound("account")
    unknown = await ask(REVOKE_TOKENS, input={"accountId": public_id(IdKind.ACCOUNT, TENANT)})

    assert revoked.data == {"revokeClientTokens": {"__typename": "AccountSuccess", "account": {"id": ACCOUNT_ID}}}
    assert unknown.data == {"revokeClientTokens": {"__typename": "NotFound"}}


async def test_keys_are_listed_by_the_page_and_never_shown(ask: Ask, stage: Stage) -> None:
    record = KeyRecord(
        key_id=KEY,
        kind=ApiKeyKind.PARTNER,
        name="CI",
        hint="fbx_partner_test_abcd",
        account_id=ACCOUNT,
        created_at=NOON,
        last_used_at=NOON,
        tokens_last_used_at=None,
        expires_at=NOON + timedelta(days=1),
        revoked_at=None,
    )
    stage.api_keys.answers |= {"list_keys": Page((record,), has_more=True), "count_keys": 3}

    result = await ask(LIST_KEYS)

    assert result.data is not None
    keys = result.data["apiKeys"]
    assert keys["totalCount"] == 3
    assert keys["nodes"] == [
        {
            "id": KEY_ID,
            "kind": "PARTNER",
            "name": "CI",
            "hint": "fbx_partner_test_abcd",
            "accountId": ACCOUNT_ID,
            "createdAt": "2026-03-01T12:00:00Z",
            "lastUsedAt": "2026-03-01T12:00:00Z",
            "tokensLastUsedAt": None,
            "expiresAt": "2026-03-02T12:00:00Z",
            "revokedAt": None,
        }
    ]
    await ask(LIST_KEYS, after=keys["pageInfo"]["endCursor"])
    await ask(LIST_KEYS, ROOT, tenantId=TENANT_ID)
    listed = [call for call in stage.api_keys.calls if call[0] == "list_keys"]
    assert listed[1] == ("list_keys", (SECRET, None, Slice(1, KeyPlace(NOON, KEY))), {})
    assert listed[2] == ("list_keys", (ROOT, TENANT, Slice(1)), {})


@pytest.mark.parametrize(
    "place",
    [
        "",
        "x",
        f"{NOON.isoformat()}",
        f"2026-03-01T12:00:00 {KEY}",
        f"20260301T120000+00:00 {KEY}",
        f"x {KEY}",
        f"9999-12-31T23:59:59-23:59 {KEY}",
    ],
)
async def test_a_cursor_that_no_page_gave_is_refused(ask: Ask, place: str) -> None:
    result = await ask(LIST_KEYS, after=cursor_of(Listing.API_KEYS, place))

    assert result.errors is not None
    assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}


async def test_whose_keys_are_listed_must_be_said_rightly(ask: Ask, stage: Stage) -> None:
    stage.api_keys.answers["list_keys"] = InvalidInput("tenantId", "only the root key may name a tenant")

    for tenant_id in (TENANT_ID, KEY_ID):
        result = await ask(LIST_KEYS, tenantId=tenant_id)
        assert result.errors is not None
        assert result.errors[0].extensions == {"code": "BAD_USER_INPUT"}
