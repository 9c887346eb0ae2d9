"""Estimates against what then happens: what blocks is what refuses, and what is left is what is left."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.commands import LimitSetting
from rules.ledger.kinds import LimitPeriod, LimitScope
from rules.ledger.outcomes import HoldEffect, LimitsEffect
from rules.ledger.records import Estimated
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, LimitReached, RateLimited, TierRequired
from rules.ledger.requests import AffordableRequest, EstimateRequest
from rules.pricing.affordable import Affordable
from rules.pricing.tokens import MICROS
from services.estimates import FROZEN, RATE, TIER
from tests.conftest import TenantBuilder
from tests.rules.pricing.books import PRICE_BOOKS
from tests.services.ledger.cashier import Cashier, held, move_clock
from tests.services.shop import Shop, a_line, a_source, open_shop
from tests.services.test_charges import FALLING, some_line

WORKS = 40

TIERED = 'tiers = ["pro"]\n' + a_source(
    policies="runs_per_minute = 1",
    more="""
[[prices]]
name = "Film"
category = "video"
tokens = 20
tier = "pro"
[[plans]]
id = "studio"
name = "Studio"
tokens = 1000
price_minor_units = 2000
interval = "month"
tier = "pro"
""",
)
FILMS = a_line("film", 10)


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def test_whatever_stands_in_the_way_is_told_at_once_and_the_first_is_what_a_reserve_says(
    shop: Shop, database: Database
) -> None:
    await shop.publish(TIERED)
    account = await shop.open()
    held(await shop.fares.charge(shop.reserve_request(account, "a run", work=MICROS)))
    await limit(shop, account, 100 * MICROS)
    await shop.accounts.update(shop.tenant_id, account, frozen=True)

    async def unfreeze() -> None:
        await shop.accounts.update(shop.tenant_id, account, frozen=False)

    async def subscribe() -> None:
        await shop.accounts.update(shop.tenant_id, account, plan_id="studio")

    async def wait() -> None:
        await move_clock(database, shop.tenant_id, 60)

    async def raise_the_limit() -> None:
        await limit(shop, account, 201 * MICROS)

    async def buy() -> None:
        await shop.grants.grant_tokens(shop.grant_request(account, "151 more", 151))

    in_the_way: list[tuple[type[object], str, Callable[[], Awaitable[None]]]] = [
        (AccountFrozen, FROZEN, unfreeze),
        (TierRequired, TIER, subscribe),
        (RateLimited, RATE, wait),
        (LimitReached, "balance", raise_the_limit),
        (InsufficientTokens, "balance", buy),
    ]
    while in_the_way:
        estimated = await estimate(shop, account)
        assert [type(blocker) for blocker in estimated.blockers] == [kind for kind, _, _ in in_the_way]
        assert (estimated.affordable, estimated.total) == (False, 200 * MICROS)
        refusal = await shop.fares.reserve(shop.reserve_request(account, "films", FILMS))
        assert type(refusal) is in_the_way[0][0], refusal
        most = await shop.fares.affordable(AffordableRequest(shop.tenant_id, account, "film", "count"))
        assert isinstance(most, Affordable)
        assert most.limited_by == in_the_way[0][1]
        await in_the_way.pop(0)[2]()

    estimated = await estimate(shop, account)
    assert (estimated.affordable, estimated.blockers, estimated.balance_after) == (True, (), 0)
    assert held(await shop.fares.reserve(shop.reserve_request(account, "films", FILMS))).balance.available == 0


async def limit(shop: Shop, account: UUID, micros: int) -> None:
    setting = LimitSetting(LimitScope.ACCOUNT, LimitPeriod.TOTAL, limit=micros)
    assert isinstance(await shop.limits.set(shop.tenant_id, account, setting), LimitsEffect)


async def estimate(shop: Shop, account: UUID, *lines: Any) -> Estimated:
    estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, lines or (FILMS,), account))
    assert isinstance(estimated, Estimated), estimated
    return estimated


@pytest.mark.parametrize("slug", sorted(path.stem for path in PRICE_BOOKS.glob("*.toml")))
async def test_the_balance_afterwards_is_what_a_charge_leaves(shop: Shop, slug: str) -> None:
    source = (PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8")
    book = (await shop.publish(source.replace("runs_per_minute", "# runs_per_minute"))).book
    dice = random.Random(slug)
    account = await Cashier(shop.writer, shop.tenant_id).open("rider", tokens=10**9 * MICROS)
    await shop.lift(account, book)
    charged = 0

    for number in range(WORKS):
        lines = [some_line(book, dice) for _ in range(dice.randint(1, 3))]
        request = EstimateRequest(shop.tenant_id, tuple(lines), account)
        estimated = await shop.fares.estimate(request)
        outcome = await shop.fares.charge(shop.reserve_request(account, f"{number}", *lines))
        if not isinstance(estimated, Estimated):
            assert outcome == estimated, "what has no price has none to either"
            continue
        assert isinstance(outcome, HoldEffect), outcome
        assert (estimated.affordable, estimated.total) == (True, outcome.amount)
        assert estimated.balance_after == outcome.balance.available
        charged += 1

    assert charged > WORKS // 2


async def test_the_balance_afterwards_has_what_is_set_aside_and_not_spent(shop: Shop) -> None:
    """11 units cost less than 10 do, and 20 tokens are set aside for whatever they come to."""
    await shop.publish(a_source(more=FALLING))
    account = await shop.open()

    estimated = await estimate(shop, account, a_line("bulk", units=11))

    assert (estimated.total, estimated.balance_after) == (11 * MICROS, 39 * MICROS)
    outcome = held(await shop.fares.charge(shop.reserve_request(account, "c", a_line("bulk", units=11))))
    assert outcome.balance.available == estimated.balance_after
