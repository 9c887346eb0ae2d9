from __future__ import annotations

from dataclasses import replace

from rules.pricing.offers import Package, Plan, PlanInterval
from rules.pricing.tokens import MICROS
from tests.resolvers.conftest import Ask
from tests.resolvers.stage import ABook, Stage, a_book

OFFERS = """{
    packages { id name tokens bonusTokens pricePerToken price { minorUnits decimal currency formatted } }
    plans { id name tier tokens bonusTokens interval rollover price { formatted } }
}"""


async def test_packages_and_plans_are_shown_whole_in_the_books_order(ask: Ask, stage: Stage) -> None:
    book = replace(
        a_book(),
        currency="rub",
        packages=(
            Package("start", "Start", 50 * MICROS, 0, 24_900),
            Package("premium", "Premium", 5000 * MICROS, 250 * MICROS, 1_399_000),
        ),
        plans=(
            Plan("pro", "Pro", "pro", 700 * MICROS, 70 * MICROS, 169_000, PlanInterval.MONTH, rollover=True),
            Plan("starter", "Starter", None, 50 * MICROS, 0, 0, PlanInterval.ONE_TIME),
        ),
    )
    stage.price_books.answers["current"] = ABook(book)

    result = await ask(OFFERS)

    assert result.errors is None
    assert result.data == {
        "packages": [
            {
                "id": "start",
                "name": "Start",
                "tokens": "50",
                "bonusTokens": "0",
                "pricePerToken": "4.98",
                "price": {
                    "minorUnits": 24_900,
                    "decimal": "249.00",
                    "currency": "rub",
                    "formatted": "249,00\N{NO-BREAK SPACE}₽",
                },
            },
            {
                "id": "premium",
                "name": "Premium",
                "tokens": "5000",
                "bonusTokens": "250",
                "pricePerToken": "2.664761905",
                "price": {
                    "minorUnits": 1_399_000,
                    "decimal": "13990.00",
                    "currency": "rub",
                    "formatted": "13\N{NO-BREAK SPACE}990,00\N{NO-BREAK SPACE}₽",
                },
            },
        ],
        "plans": [
            {
                "id": "pro",
                "name": "Pro",
                "tier": "pro",
                "tokens": "700",
                "bonusTokens": "70",
                "interval": "MONTH",
                "rollover": True,
                "price": {"formatted": "1\N{NO-BREAK SPACE}690,00\N{NO-BREAK SPACE}₽"},
            },
            {
                "id": "starter",
                "name": "Starter",
                "tier": None,
                "tokens": "50",
                "bonusTokens": "0",
                "interval": "ONE_TIME",
                "rollover": False,
                "price": {"formatted": "0,00\N{NO-BREAK SPACE}₽"},
            },
        ],
    }


async def test_a_book_without_offers_has_empty_lists(ask: Ask) -> None:
    result = await ask("{ packages { id } plans { id } }")

    assert result.data == {"packages": [], "plans": []}
