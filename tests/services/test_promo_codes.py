"""Promo codes as a tenant makes, changes and lists them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from models.database import Database
from rules.ledger.records import Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from rules.promotions.promo_codes import PromoAudience, PromoCode, PromoTerms
from services.promo_codes import PromoCodeChanges
from tests.conftest import TenantBuilder
from tests.services.shop import Shop, open_shop

LATER = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def made(shop: Shop, code: str = "WELCOME", **terms: Any) -> PromoCode:
    created = await shop.promo_codes.create(shop.tenant_id, PromoTerms(code, **{"amount": 5 * MICROS, **terms}))
    assert isinstance(created, PromoCode), created
    return created


async def changed(shop: Shop, code: PromoCode, **changes: Any) -> PromoCode | NotFound | InvalidInput:
    return await shop.promo_codes.update(
        shop.tenant_id, code.promo_code_id, PromoCodeChanges(given=frozenset(changes), **changes)
    )


async def test_it_is_active_from_now_on_unless_it_says_otherwise(shop: Shop) -> None:
    code = await made(shop)

    assert code.terms.active_from == code.created_at
    assert (code.terms.active_to, code.terms.max_redemptions, code.terms.max_per_account) == (None, None, 1)
    assert (code.terms.audience, code.claimed) == (PromoAudience.EVERYONE, 0)


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("code", {"code": "SHORT"}),
        ("code", {"code": "S-H-O-R-T "}),
        ("code", {"code": "A" * 65}),
        ("code", {"code": "A" * 300}),
        ("code", {"code": "WELCOME!"}),
        ("code", {"code": "WEL\x00COME"}),
        ("code", {"code": ""}),
        ("tokens", {"amount": 0}),
        ("tokens", {"amount": -1}),
        ("tokens", {"amount": 2**63}),
        ("activeTo", {"active_from": LATER, "active_to": LATER}),
        ("activeTo", {"active_to": datetime(2020, 1, 1, tzinfo=UTC)}),
        ("maxRedemptions", {"max_redemptions": 0}),
        ("maxRedemptions", {"max_redemptions": 2**31}),
        ("maxPerAccount", {"max_per_account": 0}),
        ("maxPerAccount", {"max_per_account": 2**31}),
        ("accountExternalIds", {"account_external_ids": ("alice",)}),
        ("accountExternalIds", {"audience": PromoAudience.ACCOUNTS}),
        ("accountExternalIds", {"audience": PromoAudience.ACCOUNTS, "account_external_ids": ("a",) * 1_001}),
        ("accountExternalIds[1]", {"audience": PromoAudience.ACCOUNTS, "account_external_ids": ("a", "")}),
        ("accountExternalIds[0]", {"audience": PromoAudience.ACCOUNTS, "account_external_ids": ("\ud800",)}),
        ("expiresAfterDays", {"grant_expires_after_days": 0}),
        ("expiresAfterDays", {"grant_expires_after_days": 3_651}),
        ("expiresAt", {"grant_expires_after_days": 1, "grant_expires_at": LATER}),
        ("priority", {"priority": -1}),
        ("priority", {"priority": 2**31}),
        ("note", {"note": "a" * 2_001}),
    ],
)
async def test_terms_out_of_form_or_bounds_are_named(shop: Shop, field: str, terms: dict[str, Any]) -> None:
    outcome = await shop.promo_codes.create(
        shop.tenant_id, PromoTerms(**{"code": "WELCOME", "amount": MICROS, **terms})
    )

    assert isinstance(outcome, InvalidInput)
    assert outcome.field == field
    assert await shop.promo_codes.count(shop.tenant_id) == 0


async def test_two_codes_of_a_tenant_differ_in_more_than_case_spaces_and_hyphens(shop: Shop) -> None:
    outcomes = await asyncio.gather(
        *(
            shop.promo_codes.create(shop.tenant_id, PromoTerms(code, MICROS))
            for code in ("WELCOME-10", "welcome10", "Welcome 10", "welcome\u201110")
        )
    )

    assert sum(isinstance(outcome, PromoCode) for outcome in outcomes) == 1
    assert {outcome.field for outcome in outcomes if isinstance(outcome, InvalidInput)} == {"code"}


async def test_another_tenant_may_have_the_same_code_and_sees_nothing_of_it(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    code = await made(shop)
    async with open_shop(database, (await a_tenant()).id) as other:
        assert await other.promo_codes.count(other.tenant_id) == 0
        assert await changed(other, code, note="mine") == NotFound("promo code")
        await made(other)
        assert await other.promo_codes.count(other.tenant_id) == 1


async def test_what_is_given_is_changed_and_the_rest_stays(shop: Shop) -> None:
    code = await made(shop, max_redemptions=5, note="spring")

    after = await changed(shop, code, active_to=LATER, max_redemptions=None)

    assert isinstance(after, PromoCode)
    assert (after.terms.active_to, after.terms.max_redemptions, after.terms.note) == (LATER, None, "spring")


async def test_changes_out_of_bounds_change_nothing(shop: Shop) -> None:
    code = await made(shop)
    for field, changes in (
        ("maxRedemptions", {"max_redemptions": 0}),
        ("maxPerAccount", {"max_per_account": None}),
        ("maxPerAccount", {"max_per_account": 0}),
        ("note", {"note": "\x00"}),
    ):
        outcome = await changed(shop, code, active_to=LATER, **changes)
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == field
    page = await shop.promo_codes.list(shop.tenant_id, Slice(10))
    assert page.rows == (code,)
    assert await shop.promo_codes.update(shop.tenant_id, uuid4(), PromoCodeChanges()) == NotFound("promo code")


async def test_they_are_listed_page_by_page(shop: Shop) -> None:
    for code in ("gamma-1", "ALPHA-1", "beta-22 "):
        await made(shop, code)

    first = await shop.promo_codes.list(shop.tenant_id, Slice(2))
    rest = await shop.promo_codes.list(shop.tenant_id, Slice(2, "BETA22"))

    assert ([code.terms.code for code in first.rows], first.has_more) == (["ALPHA-1", "beta-22"], True)
    assert ([code.terms.code for code in rest.rows], rest.has_more) == (["gamma-1"], False)
    assert await shop.promo_codes.count(shop.tenant_id) == 3
