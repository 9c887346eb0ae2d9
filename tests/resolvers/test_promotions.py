"""Promo codes through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from rules.identity import IdKind, public_id
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from rules.ledger.records import Page
from rules.ledger.refusals import NotFound, RateLimited
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from rules.promotions.promo_codes import PromoAudience, PromoCode, PromoNotActive, PromoTerms
from services.promo_codes import PromoCodeChanges
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ACCOUNT, ACCOUNT_ID, NOON, TENANT, Stage, a_balance

CREATE = """mutation($input: CreatePromoCodeInput!) { createPromoCode(input: $input) { __typename
    ... on PromoCodeSuccess { promoCode { id code tokens audience redemptions maxPerAccount } }
    ... on InvalidInput { field } } }"""
UPDATE = """mutation($input: UpdatePromoCodeInput!) { updatePromoCode(input: $input) { __typename } }"""
REDEEM = """mutation($input: RedeemPromoCodeInput!) { redeemPromoCode(input: $input) { __typename
    ... on GrantSuccess { grant { amount source } balance { version } replayed }
    ... on RateLimited { retryAfterSeconds } ... on Problem { code message } } }"""

CODE_ID = public_id(IdKind.PROMO_CODE, UUID(int=7))
A_CODE = PromoCode(UUID(int=7), PromoTerms("Spring-26", 5 * MICROS, active_from=NOON), 3, NOON)


async def test_a_code_is_made_as_the_input_says(ask: Ask, stage: Stage) -> None:
    stage.promo_codes.answers["create"] = A_CODE
    given = {
        "code": "Spring-26",
        "tokens": "5",
        "activeTo": "2027-01-01T00:00:00Z",
        "maxRedemptions": 10,
        "audience": "ACCOUNTS",
        "accountExternalIds": ["alice"],
        "expiresAfterDays": 30,
        "note": "hello",
    }

    result = await ask(CREATE, input=given)

    ((_, arguments, _),) = stage.promo_codes.calls
    assert arguments == (
        TENANT,
        PromoTerms(
            "Spring-26",
            5 * MICROS,
            active_to=datetime(2027, 1, 1, tzinfo=UTC),
            max_redemptions=10,
            audience=PromoAudience.ACCOUNTS,
            account_external_ids=("alice",),
            grant_expires_after_days=30,
            note="hello",
        ),
    )
    assert result.data == {
        "createPromoCode": {
            "__typename": "PromoCodeSuccess",
            "promoCode": {
                "id": CODE_ID,
                "code": "Spring-26",
                "tokens": "5",
                "audience": "EVERYONE",
                "redemptions": 3,
                "maxPerAccount": 1,
            },
        }
    }


async def test_an_update_tells_absent_from_null(ask: Ask, stage: Stage) -> None:
    stage.promo_codes.answers["update"] = A_CODE

    await ask(UPDATE, input={"id": CODE_ID, "activeTo": None, "maxPerAccount": 2})

    ((_, arguments, _),) = stage.promo_codes.calls
    changes = PromoCodeChanges(given=frozenset({"active_to", "max_per_account"}), max_per_account=2)
    assert arguments == (TENANT, UUID(int=7), changes)


@pytest.mark.parametrize("bad", ["", "promo_x", ACCOUNT_ID])
async def test_an_id_of_something_else_leads_to_no_code(ask: Ask, stage: Stage, bad: str) -> None:
    result = await ask(UPDATE, input={"id": bad})
    assert result.data == {"updatePromoCode": {"__typename": "NotFound"}}
    assert stage.promo_codes.calls == []


async def test_codes_are_listed_by_their_letters(ask: Ask, stage: Stage) -> None:
    stage.promo_codes.answers |= {"list": Page((A_CODE,), True), "count": 4}

    result = await ask("{ promoCodes(first: 1) { totalCount nodes { code } pageInfo { endCursor hasNextPage } } }")

    assert result.data is not None
    page = result.data["promoCodes"]
    assert (page["totalCount"], page["nodes"]) == (4, [{"code": "Spring-26"}])
    await ask(
        "query($after: String) { promoCodes(after: $after) { nodes { code } } }", after=page["pageInfo"]["endCursor"]
    )
    assert stage.promo_codes.calls[-1][1][1].after == "SPRING26"


async def test_a_redemption_asks_for_the_account_and_shows_its_grant(ask: Ask, stage: Stage) -> None:
    grant = Grant(1, GrantSource.PROMO, 5 * MICROS, 5 * MICROS, NOON + timedelta(days=1))
    stage.redemptions.answers["redeem"] = GrantEffect(grant, a_balance(), replayed=True)

    result = await ask(REDEEM, input={"idempotencyKey": "k", "accountExternalId": "alice", "code": "spring 26"})

    assert stage.redemptions.calls == [("redeem", (TENANT, ACCOUNT, "k", "spring 26"), {})]
    assert result.data == {
        "redeemPromoCode": {
            "__typename": "GrantSuccess",
            "grant": {"amount": "5", "source": "PROMO"},
            "balance": {"version": 9},
            "replayed": True,
        }
    }


@pytest.mark.parametrize(
    ("refusal", "shown"),
    [
        (PromoNotActive(), {"__typename": "PromoNotActive", "code": "PROMO_NOT_ACTIVE"}),
        (RateLimited(7), {"__typename": "RateLimited", "code": "RATE_LIMITED", "retryAfterSeconds": 7}),
        (NotFound("account"), {"__typename": "NotFound", "code": "NOT_FOUND"}),
        (InvalidInput("code", "must not be empty"), {"__typename": "InvalidInput", "code": "INVALID_INPUT"}),
    ],
)
async def test_refusals_are_members_of_the_result(ask: Ask, stage: Stage, refusal: Any, shown: dict[str, Any]) -> None:
    stage.redemptions.answers["redeem"] = refusal
    result = await ask(REDEEM, input={"idempotencyKey": "k", "accountId": ACCOUNT_ID, "code": "spring 26"})
    assert result.data is not None
    answer = result.data["redeemPromoCode"]
    del answer["message"]
    assert answer == shown


async def test_whose_the_tokens_are_to_be_must_be_said(ask: Ask, stage: Stage) -> None:
    result = await ask(REDEEM, input={"idempotencyKey": "k", "code": "spring 26"})
    assert result.data is not None
    assert result.data["redeemPromoCode"]["__typename"] == "InvalidInput"
    assert stage.redemptions.calls == []
