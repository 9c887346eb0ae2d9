"""Plans as gates, from the price book's text to the ledger's refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from rules.identity import IdKind, public_id
from rules.ledger.kinds import GrantSource, OverrunPolicy
from rules.ledger.records import Estimated, Quote, Slice
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, NotFound, TierRequired
from rules.ledger.requests import AffordableRequest, EstimateRequest, Quoted
from rules.pricing.affordable import Affordable
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.accounts import AccountRecord
from services.ledger.audit import audit
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held
from tests.services.shop import Shop, a_line, a_source, open_shop

FILM = TierRequired("film", "pro")
PRICES = """
[[prices]]
name = "Film"
category = "video"
tokens = 20
tier = "pro"
[[prices]]
name = "Sketch"
category = "image"
tokens = 1
tier = "free"
"""
PLANS = """
[[plans]]
id = "taster"
name = "Taster"
tokens = 30
bonus_tokens = 5
price_minor_units = 0
interval = "one-time"
tier = "free"
[[plans]]
id = "studio"
name = "Studio"
tokens = 1000
price_minor_units = 2000
interval = "month"
tier = "pro"
"""


def a_tiered_source(*, prices: str = PRICES, plans: str = PLANS) -> str:
    return 'tiers = ["free", "pro"]\n' + a_source(more=prices + plans)


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_tiered_source())
        yield shop


async def on(shop: Shop, plan_id: str | None, name: str = "passenger") -> UUID:
    """An account with 50 tokens of the trial, 100 more, and a plan."""
    account = await shop.open(name, tokens=100)
    await assign(shop, account, plan_id)
    return account


async def assign(shop: Shop, account: UUID, plan_id: str | None) -> AccountRecord:
    record = await shop.accounts.update(shop.tenant_id, account, plan_id=plan_id)
    assert isinstance(record, AccountRecord), record
    assert record.plan_id == plan_id
    return record


async def reserve(shop: Shop, account: UUID, key: str, *models: str, **more: Any) -> object:
    return await shop.fares.reserve(shop.reserve_request(account, key, *map(a_line, models), **more))


class TestAssigning:
    async def test_a_one_time_plan_brings_its_tokens_and_bonus_once_ever(self, shop: Shop, database: Database) -> None:
        account = await shop.open()
        for plan_id in ("taster", "studio", "taster", None, "taster"):
            await assign(shop, account, plan_id)

        lots = (await shop.reads.grants(shop.tenant_id, account, Slice(10), active_only=False)).rows
        assert [(lot.source, lot.granted) for lot in lots] == [
            (GrantSource.PLAN, 35 * MICROS),
            (GrantSource.TRIAL, 50 * MICROS),
        ]
        assert lots[0].expires_at is not None, "the book's policy lets what it says nothing of expire after a year"
        assert await audit(database) == ()

    async def test_what_is_paid_for_brings_none(self, shop: Shop) -> None:
        account = await on(shop, "studio")
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        assert balance.total == 150 * MICROS

    async def test_an_account_can_be_made_with_a_plan(self, shop: Shop) -> None:
        made = await shop.accounts.create(
            shop.tenant_id,
            external_id="new",
            name="New",
            kind=(await shop.create("other")).kind,
            time_zone="UTC",
            plan_id="taster",
        )
        assert isinstance(made, AccountRecord)
        assert made.plan_id == "taster"
        balance = await shop.reads.balance(shop.tenant_id, made.account_id)
        assert balance is not None
        assert balance.total == 85 * MICROS

    async def test_one_that_is_there_keeps_its_own(self, shop: Shop) -> None:
        account = await on(shop, "studio", "old")
        again = await shop.accounts.create(
            shop.tenant_id,
            external_id="old",
            name="Old",
            kind=(await shop.create("other")).kind,
            time_zone="UTC",
            plan_id="taster",
        )
        assert isinstance(again, AccountRecord)
        assert (again.account_id, again.plan_id) == (account, "studio")

    async def test_an_unknown_plan_is_refused_with_those_that_there_are(self, shop: Shop) -> None:
        account = await shop.open()
        refused = await shop.accounts.update(shop.tenant_id, account, plan_id="gold", frozen=True)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "planId"
        assert "taster, studio" in refused.message
        record = await shop.accounts.get(shop.tenant_id, account)
        assert record is not None
        assert (record.plan_id, record.frozen) == (None, False)
        made = await shop.accounts.create(
            shop.tenant_id, external_id="n", name="N", kind=record.kind, time_zone="UTC", plan_id="gold"
        )
        assert isinstance(made, InvalidInput)
        assert await shop.accounts.count(shop.tenant_id, search="n") == 0

    async def test_an_account_that_is_not_there_is_told_of_before_the_plan(self, shop: Shop) -> None:
        assert await shop.accounts.update(shop.tenant_id, UUID(int=7), plan_id="gold") == NotFound("account")


class TestGates:
    async def test_reserve_charge_and_extend_need_the_tier(self, shop: Shop) -> None:
        account = await on(shop, "taster")
        assert await reserve(shop, account, "a", "sketch", "film") == FILM
        charge = shop.reserve_request(account, "a", a_line("film"))
        assert await shop.fares.charge(charge) == FILM
        hold = held(await reserve(shop, account, "b", "sketch", "upscale")).hold
        extend = shop.extend_request(account, "a", hold.hold_id, work=(a_line("film"),))
        assert await shop.fares.extend(extend) == FILM
        await assign(shop, account, "studio")
        held(await reserve(shop, account, "a", "sketch", "film"))
        held(await shop.fares.charge(charge))
        held(await shop.fares.extend(extend))

    async def test_the_lowest_tier_needs_a_plan_and_no_tier_needs_none(self, shop: Shop) -> None:
        account = await on(shop, None)
        assert await reserve(shop, account, "a", "sketch") == TierRequired("sketch", "free")
        held(await reserve(shop, account, "a", "upscale"))

    async def test_an_amount_has_no_gate(self, shop: Shop) -> None:
        account = await on(shop, None)
        held(await shop.fares.reserve(shop.reserve_request(account, "a", work=20 * MICROS)))

    async def test_work_that_has_run_is_captured_without_a_plan(self, shop: Shop) -> None:
        account = await on(shop, None)
        hold = held(await reserve(shop, account, "a", "upscale")).hold
        commit = shop.commit_request(account, "a", hold.hold_id, a_line("film"), overrun=OverrunPolicy.CHARGE_AVAILABLE)
        assert held(await shop.fares.commit(commit)).amount == 20 * MICROS

    async def test_what_took_effect_is_answered_again_on_a_lower_plan(self, shop: Shop) -> None:
        account = await on(shop, "studio")
        first = held(await reserve(shop, account, "a", "film"))
        await assign(shop, account, None)
        again = held(await reserve(shop, account, "a", "film"))
        assert (again.replayed, again.hold.hold_id) == (True, first.hold.hold_id)

    async def test_a_quote_locks_the_price_and_not_the_tier(self, shop: Shop) -> None:
        account = await on(shop, "studio")
        quote = await shop.fares.quote(EstimateRequest(shop.tenant_id, (a_line("film"),), account))
        assert isinstance(quote, Quote)
        quoted = {"work": Quoted(public_id(IdKind.QUOTE, quote.owner_id, quote.number))}
        await assign(shop, account, "taster")
        assert await reserve(shop, account, "a", **quoted) == FILM
        await assign(shop, account, "studio")
        held(await reserve(shop, account, "a", **quoted))

    async def test_a_plan_of_a_later_book_opens_what_was_quoted_by_an_older_one(self, shop: Shop) -> None:
        account = await on(shop, "taster")
        quote = await shop.fares.quote(EstimateRequest(shop.tenant_id, (a_line("film"),), account))
        assert isinstance(quote, Quote)
        quoted = {"work": Quoted(public_id(IdKind.QUOTE, quote.owner_id, quote.number))}
        assert await reserve(shop, account, "a", **quoted) == FILM
        await shop.publish(a_tiered_source(plans=PLANS.replace('"studio"', '"agency"')))
        await assign(shop, account, "agency")
        held(await reserve(shop, account, "a", **quoted))

    async def test_a_plan_that_is_offered_no_more_opens_nothing(self, shop: Shop) -> None:
        account = await on(shop, "studio")
        await shop.publish(a_tiered_source(plans=PLANS.replace('"studio"', '"agency"')))
        assert await reserve(shop, account, "a", "film") == FILM


class TestWhatIsToldBefore:
    async def test_an_estimate_names_every_gate_that_is_closed(self, shop: Shop) -> None:
        account = await on(shop, None)
        work = (a_line("film", 9), a_line("upscale"), a_line("sketch"))
        estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, work, account))
        assert isinstance(estimated, Estimated)
        assert not estimated.affordable
        assert estimated.blockers == (
            FILM,
            TierRequired("sketch", "free"),
            InsufficientTokens(189 * MICROS, 150 * MICROS),
        )
        await assign(shop, account, "studio")
        await shop.accounts.update(shop.tenant_id, account, frozen=True)
        estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, work[1:], account))
        assert isinstance(estimated, Estimated)
        assert estimated.blockers == (AccountFrozen(),)

    async def test_nothing_is_affordable_behind_a_closed_gate(self, shop: Shop) -> None:
        account = await on(shop, "taster")
        request = AffordableRequest(shop.tenant_id, account, "film", "count")
        assert await shop.fares.affordable(request) == Affordable(None, False, None, "tier")
        await assign(shop, account, "studio")
        opened = await shop.fares.affordable(request)
        assert isinstance(opened, Affordable)
        assert opened.value == "9"
