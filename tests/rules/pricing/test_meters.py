from __future__ import annotations

from decimal import Decimal

import pytest

from rules.pricing.price_book import PriceBook, PricingType
from rules.pricing.rating import Purpose
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_book, a_book_with, priced, refused

WORDS = 'dimensions = [{ name = "words", type = "integer", minimum = 0, maximum = 100000, default = 100 }]\n'


def words(metered: str) -> PriceBook:
    return a_book_with(f"{WORDS}metered = {{ of = 'words', {metered} }}")


def costs(book: PriceBook, *counts: int) -> list[object]:
    """In tokens, as exactly as they are."""
    return [Decimal(priced(book, {"words": count}).cost) / MICROS for count in counts]


def test_units_are_counted_at_one_rate_exactly() -> None:
    book = words("tokens = 3, per = 1000")
    assert costs(book, 0, 1, 999, 1000) == [0, Decimal("0.003"), Decimal("2.997"), 3]
    assert priced(book).pricing_type is PricingType.METERED
    assert priced(book).rounds_at_end


def test_a_part_of_a_micro_token_counts_as_a_whole_one_in_each_use() -> None:
    book = words("tokens = 1, per = 3000000")
    assert [priced(book, {"words": count}).cost for count in (1, 2, 3, 4)] == [1, 1, 1, 2]
    assert priced(book, {"words": 1}, count=10).cost == 10


def test_base_included_units_multipliers_and_a_minimum_charge_stand_around_the_units() -> None:
    book = words(
        "base = 2, included = 100, tokens = 1, per = 10, minimum_charge = 4,"
        "multipliers = [{ dimension = 'words', ranges = [{ up_to = 1000, times = 1 }, { times = 0.5 }] }]"
    )
    assert costs(book, 0, 100, 110, 120, 130, 1000, 1010) == [4, 4, 4, 4, 5, 92, Decimal("46.5")]


def test_graduated_tiers_price_each_part_at_its_own_rate() -> None:
    book = words("graduated = [{ up_to = 100, tokens = 2 }, { up_to = 200, tokens = 1 }, { tokens = 0.5 }]")
    assert costs(book, 0, 100, 101, 200, 202) == [0, 200, 201, 300, 301]


def test_volume_tiers_price_the_whole_at_the_rate_of_its_tier() -> None:
    book = words("volume = [{ up_to = 100, tokens = 2 }, { up_to = 200, tokens = 1 }, { tokens = 0.5 }]")
    assert costs(book, 0, 100, 101, 200, 201) == [0, 200, 101, 200, Decimal("100.5")]


def test_tiers_count_the_units_beyond_the_included_ones() -> None:
    book = words("included = 50, graduated = [{ up_to = 100, tokens = 2 }, { tokens = 1 }]")
    assert costs(book, 50, 51, 150, 151) == [0, 2, 200, 201]
    book = words("included = 50, volume = [{ up_to = 100, tokens = 2 }, { tokens = 1 }]")
    assert costs(book, 50, 51, 150, 151) == [0, 2, 200, 101]


def test_a_tier_may_have_a_fixed_amount_beside_its_rate_or_instead() -> None:
    graduated = words("graduated = [{ up_to = 100, fixed = 7 }, { fixed = 1, tokens = 2 }]")
    assert costs(graduated, 0, 100, 101) == [7, 7, 10]
    volume = words("volume = [{ up_to = 100, fixed = 7 }, { fixed = 1, tokens = 0.05 }]")
    assert costs(volume, 0, 100, 101) == [7, 7, Decimal("6.05")]


def test_a_request_has_a_fixed_price_up_to_a_threshold_and_one_by_units_above() -> None:
    beyond = words("base = 2, included = 8000, tokens = 0.5, per = 1000")
    assert costs(beyond, 1, 8000, 10_000) == [2, 2, 3]
    whole = words("volume = [{ up_to = 8000, fixed = 2 }, { tokens = 0.25, per = 1000 }]")
    assert costs(whole, 1, 8000, 8004, 10_000) == [2, 2, Decimal("2.001"), Decimal("2.5")]


def test_a_volume_tier_that_is_cheaper_is_reserved_at_the_end_of_the_dearer_one() -> None:
    book = words("volume = [{ up_to = 100, tokens = 2 }, { tokens = 1 }]")
    line = priced(book, {"words": 150}, purpose=Purpose.RESERVE)
    assert line.cost == 200 * MICROS == sum(step.amount for step in line.steps)
    assert priced(book, {"words": 150}).cost == 150 * MICROS
    assert priced(book, {"words": 300}, purpose=Purpose.RESERVE).cost == 300 * MICROS


LLM = """
token_value = 0.001
markup = 1.5
[[prices]]
name = "Work"
category = "text"
dimensions = [
  { name = "inputTokens", type = "integer", minimum = 0, unbounded = true },
  { name = "cachedInputTokens", type = "integer", minimum = 0, maximum = 1000000, default = 0 },
  { name = "outputTokens", type = "integer", minimum = 0, maximum = 1000000, default = 0 },
]
[prices.composite]
components = [
  { of = "inputTokens", provider_cost = 2.5, per = 1000000 },
  { of = "cachedInputTokens", provider_cost = 1.25, per = 1000000 },
  { of = "outputTokens", tokens = 20000, per = 1000000 },
]
"""


def test_several_meters_add_up_and_a_markup_makes_the_providers_cost_a_price() -> None:
    book = a_book(LLM)
    params: dict[str, object] = {"inputTokens": 1_000_000, "cachedInputTokens": 10_000, "outputTokens": 500}
    line = priced(book, params)
    assert line.pricing_type is PricingType.COMPOSITE
    assert [(step.label, Decimal(step.amount) / MICROS) for step in line.steps] == [
        ("inputTokens 1000000", 3750),
        ("cachedInputTokens 10000", Decimal("18.75")),
        ("outputTokens 500", 10),
    ]
    assert line.cost == sum(step.amount for step in line.steps)
    assert (line.min_cost, line.max_cost) == (0, None)


def test_a_price_has_its_own_markup_where_it_says_so() -> None:
    book = a_book(LLM.replace("[prices.composite]", "[prices.composite]\nmarkup = 2"))
    assert priced(book, {"inputTokens": 1000}).cost == 5 * MICROS


def test_an_agents_run_costs_a_base_and_its_steps_calls_and_tokens() -> None:
    book = a_book_with(
        """
        dimensions = [
          { name = "steps", type = "integer", minimum = 1, maximum = 100, default = 10 },
          { name = "toolCalls", type = "integer", minimum = 0, maximum = 500, default = 0 },
          { name = "outputTokens", type = "integer", minimum = 0, maximum = 1000000, default = 0 },
        ]
        [prices.composite]
        base = 5
        components = [
          { of = "steps", tokens = 0.5 },
          { of = "toolCalls", tokens = 0.1, included = 20 },
          { of = "outputTokens", graduated = [{ up_to = 1000, tokens = 3, per = 1000 }, { tokens = 2, per = 1000 }] },
        ]
        """
    )
    assert priced(book, {"steps": 12, "toolCalls": 25, "outputTokens": 2500}).cost == 17_500_000
    price = book.prices[0].bounds
    assert (price.first_micros, price.least_micros, price.greatest_micros) == (10 * MICROS, 5_500_000, 2_104 * MICROS)


@pytest.mark.parametrize(
    ("metered", "greatest"),
    [
        ("tokens = 1", None),
        ("graduated = [{ up_to = 10, tokens = 2 }, { tokens = 1 }]", None),
        ("graduated = [{ up_to = 10, tokens = 2 }, { fixed = 0 }]", 20),
        ("volume = [{ up_to = 10, tokens = 2 }, { fixed = 3 }]", 20),
        ("volume = [{ up_to = 10, tokens = 2 }, { fixed = 30 }]", 30),
        ("tokens = 0", 0),
    ],
)
def test_a_meter_without_a_maximum_has_a_greatest_cost_only_where_it_stops_counting(
    metered: str, greatest: int | None
) -> None:
    book = a_book_with(
        'dimensions = [{ name = "words", type = "integer", minimum = 1, unbounded = true }]\n'
        f"metered = {{ of = 'words', {metered} }}"
    )
    assert book.prices[0].bounds.greatest_micros == (None if greatest is None else greatest * MICROS)


def test_a_price_without_a_greatest_cost_needs_the_greatest_value_to_be_reserved() -> None:
    book = a_book(LLM)
    refusal = refused(book, {"outputTokens": 5}, purpose=Purpose.RESERVE)
    assert isinstance(refusal, InvalidParams)
    assert refusal.param == "inputTokens"
    assert priced(book, {"inputTokens": 4_000}, purpose=Purpose.RESERVE).cost == 15 * MICROS
