"""The most that an account could have now: that goes through against the real ledger, and the next is refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from models.database import Database
from rules.ledger.outcomes import HoldEffect
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.ledger.requests import AffordableRequest
from rules.pricing.affordable import Affordable
from rules.pricing.dimensions import Dimension, DimensionType
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.rating import MAX_COUNT, LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MAX_MICROS, MICROS
from services.estimates import FROZEN
from services.ledger.audit import audit
from tests.conftest import TenantBuilder
from tests.rules.pricing.books import PRICE_BOOKS
from tests.services.ledger.cashier import Cashier
from tests.services.shop import Shop, open_shop

CASES = 120
AT_ONCE = 16
COUNT = "count"
SMALLEST = Decimal("0.000001")
UNBOUNDED_TRIED = 100_000


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def most(shop: Shop, account: UUID, model: str, dimension: str, **params: object) -> Any:
    return await shop.fares.affordable(AffordableRequest(shop.tenant_id, account, model, dimension, params))


class TestWhatLimits:
    async def test_the_balance(self, shop: Shop) -> None:
        account = await shop.open()

        assert await most(shop, account, "upscale", COUNT) == Affordable("6", False, 48 * MICROS, "balance")
        assert await most(shop, account, "picture", "steps", quality="fine") == Affordable(
            "100", False, 32 * MICROS, "dimension"
        )

    async def test_a_balance_that_holds_not_even_the_least(self, shop: Shop) -> None:
        account = await Cashier(shop.writer, shop.tenant_id).open("poor", tokens=8 * MICROS - 1)

        assert await most(shop, account, "upscale", COUNT) == Affordable(None, False, None, "balance")

    async def test_what_is_on_hold_is_not_available(self, shop: Shop) -> None:
        account = await shop.open()
        await shop.fares.reserve(shop.reserve_request(account, "r"))

        assert await most(shop, account, "upscale", COUNT) == Affordable("5", False, 40 * MICROS, "balance")

    async def test_a_credit_line_adds_to_it_and_an_unlimited_account_has_bounds_of_the_price_alone(
        self, shop: Shop
    ) -> None:
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, credit_limit=6 * MICROS)
        assert await most(shop, account, "upscale", COUNT) == Affordable("7", False, 56 * MICROS, "balance")

        await shop.accounts.update(shop.tenant_id, account, credit_limit=-1)
        assert await most(shop, account, "upscale", COUNT) == Affordable(
            str(MAX_COUNT), False, 8 * MAX_COUNT * MICROS, "count"
        )

    async def test_a_frozen_account_has_nothing(self, shop: Shop) -> None:
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, frozen=True)

        assert await most(shop, account, "upscale", COUNT) == Affordable(None, False, None, FROZEN)
        assert isinstance(await most(shop, account, "upscale", "nothing"), InvalidParams)

    async def test_what_cannot_be_asked(self, shop: Shop) -> None:
        account = await shop.open()

        unknown = await most(shop, account, "upscal", COUNT)
        assert unknown == UnknownModel("upscal", ("upscale",))
        for params in ({"steps": 0}, {"quality": "none"}, {"nothing": 1}):
            assert isinstance(await most(shop, account, "picture", COUNT, **params), InvalidParams)
        assert isinstance(await most(shop, account, "picture", "quality"), InvalidParams)
        assert await most(shop, uuid4(), "upscal", COUNT) == NotFound("account")


class Case(NamedTuple):
    price: Price
    dimension: str
    params: dict[str, object]
    """Of the others."""
    budget: int


@pytest.mark.parametrize("slug", sorted(path.stem for path in PRICE_BOOKS.glob("*.toml")))
async def test_that_goes_through_and_the_next_is_refused(database: Database, shop: Shop, slug: str) -> None:
    book = (await shop.publish((PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8"))).book
    dice = random.Random(slug)
    cases = [case for case in (a_case(book, dice) for _ in range(CASES)) if case is not None]
    assert len(cases) > CASES // 2
    counters = iter(range(len(cases)))
    limits: set[str | None] = set()

    async def work() -> None:
        for number in counters:
            limits.add(await the_answer_is_true(shop, cases[number], f"passenger {number}"))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    assert "balance" in limits
    assert await audit(database) == ()


async def the_answer_is_true(shop: Shop, case: Case, name: str) -> str | None:
    account = await Cashier(shop.writer, shop.tenant_id).open(name, tokens=case.budget)
    await shop.lift(account, (await shop.price_books.current(shop.tenant_id)).book)

    async def reserve(value: str | Decimal) -> Any:
        """Nothing stays on hold."""
        outcome = await shop.fares.reserve(
            shop.reserve_request(account, f"k{value}", a_line_of(case, value), ttl_seconds=60)
        )
        if isinstance(outcome, HoldEffect):
            await shop.fares.release(shop.release_request(account, f"k{value}", outcome.hold.hold_id))
        return outcome

    answer = await most(shop, account, case.price.model, case.dimension, **case.params)
    assert isinstance(answer, Affordable), (case, answer)
    if answer.value is None:
        assert not answer.unbounded
        assert answer.limited_by == "balance"
        assert isinstance(await reserve(least_of(case)), InsufficientTokens), case
        return None
    through = await reserve(answer.value)
    assert isinstance(through, HoldEffect), (case, answer, through)
    assert answer.cost_micros is not None
    assert answer.cost_micros <= through.hold.amount <= case.budget
    step = 1 if case.dimension == COUNT or dimension_of(case).type is DimensionType.INTEGER else SMALLEST
    refused = await reserve(Decimal(answer.value) + step)
    expected = {
        "balance": InsufficientTokens,
        "dimension": InvalidParams,
        "count": InvalidInput,
        "amount": InvalidInput,
    }
    assert isinstance(refused, expected[answer.limited_by or ""]), (case, answer, refused)
    return answer.limited_by


def a_case(book: PriceBook, dice: random.Random) -> Case | None:
    """With a budget at the very edge of what some value needs; None where the params are not allowed together."""
    price = dice.choice(book.prices)
    numbers = [dimension for dimension in price.dimensions if dimension.numeric]
    asked = dice.choice([None, *numbers])
    params = {known.name: a_value(known, dice) for known in price.dimensions if known is not asked}
    target: object = dice.randint(1, 50) if asked is None else a_value(asked, dice)
    case = Case(price, COUNT if asked is None else asked.name, params, 0)
    priced = price_lines(book, (a_line_of(case, target),), purpose=Purpose.RESERVE)
    if not isinstance(priced, Priced):
        return None
    budget = priced.total + dice.choice([-1, 0, 1, MICROS, -MICROS])
    return case._replace(budget=min(max(0, budget), MAX_MICROS // 2))


def a_value(dimension: Dimension, dice: random.Random) -> object:
    if not dimension.numeric:
        value = dice.choice(dimension.values)
        return value if dimension.type is not DimensionType.BOOLEAN else value in (True, "true")
    least = Decimal(dimension.minimum_text or "0")
    greatest = Decimal(dimension.maximum_text or "0") if dimension.maximum is not None else least + UNBOUNDED_TRIED
    if dimension.type is DimensionType.INTEGER:
        return dice.randint(int(least), int(greatest))
    return min(greatest, (least + (greatest - least) * Decimal(dice.randint(0, 1_000)) / 1_000).quantize(SMALLEST))


def dimension_of(case: Case) -> Dimension:
    return next(dimension for dimension in case.price.dimensions if dimension.name == case.dimension)


def least_of(case: Case) -> Decimal:
    return Decimal(1) if case.dimension == COUNT else Decimal(dimension_of(case).minimum_text or "0")


def a_line_of(case: Case, value: object) -> LineRequest:
    if case.dimension == COUNT:
        return LineRequest(case.price.model, case.params, int(str(value)))
    return LineRequest(case.price.model, {**case.params, case.dimension: Decimal(str(value))})
