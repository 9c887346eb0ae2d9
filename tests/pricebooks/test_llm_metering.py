"""What the metered book charges beside its providers' rates, typed from their price pages apart from the book."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.pricing.margins import provider_cost_micros
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.tokens import MICROS
from tests.pricebooks.tables import Row, rows
from tests.rules.pricing.books import a_shipped_book

BOOK = a_shipped_book("llm-metering")
RATES = rows("llm-metering-rates")


def test_it_has_the_text_models_of_its_table_a_request_and_an_agents_run() -> None:
    assert len(RATES) == 10
    assert [price.model for price in BOOK.prices] == [*(row["slug"] for row in RATES), "chat-request", "agent-run"]
    assert [(row["name"], row["provider"]) for row in RATES] == [
        (price.name, price.provider) for price in BOOK.prices[:10]
    ]


@pytest.mark.parametrize("row", RATES, ids=lambda row: row["slug"])
def test_every_token_costs_its_providers_price_with_the_markup(row: Row) -> None:
    """Dollars for a million, times 1.7, at a tenth of a cent a token."""
    used = {"inputTokens": 100_000, "cachedInputTokens": 10_000, "outputTokens": 1_000}
    answer = price_lines(BOOK, [LineRequest(row["slug"], used)], purpose=Purpose.ACTUAL)
    assert isinstance(answer, Priced)
    dollars = (
        Decimal(row["input"]) * 100_000 + Decimal(row["cached"]) * 10_000 + Decimal(row["output"]) * 1_000
    ) / 1_000_000
    assert Decimal(answer.lines[0].cost) / MICROS == dollars * Decimal("1.7") * 1_000
    price = BOOK.prices_by_model[row["slug"]]
    cost = provider_cost_micros(BOOK, price, (100_000, 10_000, 1_000), 1, answer.lines[0].cost)
    assert cost == dollars * 1_000_000


def test_what_costs_the_provider_5_dollars_is_sold_for_7_to_10() -> None:
    # A million tokens at $5, in five requests of 200,000; a token is sold for a tenth of a cent.
    (row,) = [row for row in RATES if Decimal(row["input"]) == 5]
    read = LineRequest(row["slug"], {"inputTokens": 200_000, "outputTokens": 0}, 5)
    answer = price_lines(BOOK, [read], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced)
    assert 7_000 * MICROS <= answer.total <= 10_000 * MICROS


def test_credits_are_sold_by_100_000_tokens_as_its_source_sells_them() -> None:
    assert 100_000 * MICROS in {package.tokens_micros for package in BOOK.packages}
