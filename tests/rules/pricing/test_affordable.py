from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.pricing.affordable import STEPS_PER_UNIT, Affordable, largest_affordable
from rules.pricing.dimensions import DimensionType
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.rating import MAX_COUNT, LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MAX_MICROS, MICROS
from tests.rules.pricing.books import PRICE_BOOKS, a_book_with, a_shipped_book

FORMULA = """
dimensions = [
  { name = "quality", type = "choice", values = ["fast", "high"], default = "fast" },
  { name = "steps", type = "integer", minimum = 1, maximum = 100, default = 25 },
  { name = "seconds", type = "number", minimum = 0.5, maximum = 30, default = 5 },
]
[prices.formula]
rates = [{ of = ["steps"], tokens = 1 }, { of = ["seconds"], tokens = 3 }]
multipliers = [
  { dimension = "quality", by = { fast = 1, high = 2 } },
  { dimension = "steps", ranges = [{ up_to = 50, times = 1 }, { times = 0.8 }] },
]
"""
UNBOUNDED = """
dimensions = [
  { name = "words", type = "integer", minimum = 10, unbounded = true },
  { name = "voice", type = "choice", values = ["plain", "fine"] },
]
[prices.formula]
rates = [{ of = ["words"], tokens = 0.5, per = 10, started = true }]
multipliers = [{ dimension = "voice", by = { plain = 1, fine = 3 } }]
"""


def affordable(book: PriceBook, dimension: str, budget: float | str | None, **params: object) -> Affordable:
    """With the budget in tokens."""
    micros = None if budget is None else int(Decimal(str(budget)) * MICROS)
    answer = largest_affordable(book.prices[0], params, dimension, micros, count_max=MAX_COUNT)
    assert isinstance(answer, Affordable), answer
    return answer


def test_the_largest_number_of_uses_that_the_budget_holds() -> None:
    book = a_book_with("tokens = 3")
    assert affordable(book, "count", 10) == Affordable("3", False, 9 * MICROS, "balance")
    assert affordable(book, "count", 9).value == "3"
    assert affordable(book, "count", "8.999999").value == "2"
    assert affordable(book, "count", 2) == Affordable(None, False, None, "balance")
    assert affordable(book, "count", 3_000_000) == Affordable("1000000", False, 3_000_000 * MICROS, "count")
    assert affordable(book, "count", None) == Affordable("1000000", False, 3_000_000 * MICROS, "count")


def test_the_largest_number_that_the_budget_holds() -> None:
    book = a_book_with(FORMULA)
    assert affordable(book, "steps", 40) == Affordable("25", False, 40 * MICROS, "balance")
    assert affordable(book, "steps", "40.9").value == "25"
    assert affordable(book, "steps", 40, quality="high").value == "5"
    assert affordable(book, "steps", 1_000) == Affordable("100", False, 92 * MICROS, "dimension")
    assert affordable(book, "steps", 15) == Affordable(None, False, None, "balance")


def test_a_number_goes_to_six_digits_and_to_its_own_ends() -> None:
    book = a_book_with(FORMULA)
    assert affordable(book, "seconds", 42, steps=2).value == "13.333333"
    assert affordable(book, "seconds", 1_000).value == "30"
    fine = a_book_with(
        """
        dimensions = [{ name = "seconds", type = "number", minimum = 0.00000015, maximum = 2.00000015, default = 1 }]
        formula = { rates = [{ of = ["seconds"], tokens = 1 }] }
        """
    )
    assert affordable(fine, "seconds", 5).value == "2.00000015"
    assert affordable(fine, "seconds", 2).value == "2"
    assert affordable(fine, "seconds", 1).value == "1"


def test_what_is_set_aside_decides_and_what_is_shown_is_the_estimate() -> None:
    """51 steps cost 40.8 + 15 tokens, but the hold covers the 50 below them."""
    book = a_book_with(FORMULA)
    assert affordable(book, "steps", 64).value == "49"
    answer = affordable(book, "steps", 65)
    assert answer == Affordable("66", False, 65 * MICROS, "balance")


def test_the_dimensions_own_param_is_passed_over_and_others_must_fit() -> None:
    book = a_book_with(UNBOUNDED)
    assert affordable(book, "words", 3, voice="fine", words="many").value == "20"
    missing = largest_affordable(book.prices[0], {}, "words", MICROS, count_max=MAX_COUNT)
    assert isinstance(missing, InvalidParams)
    assert missing.param == "voice"
    count = largest_affordable(book.prices[0], {"voice": "fine"}, "count", MICROS, count_max=MAX_COUNT)
    assert isinstance(count, InvalidParams)
    assert count.param == "words"


@pytest.mark.parametrize("dimension", ["step", "voice", "", "a\x00b" * 100])
def test_only_a_number_of_the_price_or_the_count_can_be_asked_for(dimension: str) -> None:
    price = a_book_with(UNBOUNDED).prices[0]
    answer = largest_affordable(price, {"voice": "fine"}, dimension, MICROS, count_max=MAX_COUNT)
    assert isinstance(answer, InvalidParams)
    assert "choose count or one of words." in answer.message
    assert "\x00" not in f"{answer.param}{answer.message}"


def test_a_combination_that_is_not_offered_is_refused() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "size", type = "choice", values = ["small", "wide"] }]
        matrix = { by = ["size"], tokens = { small = 5, wide = "not allowed" } }
        """
    )
    answer = largest_affordable(book.prices[0], {"size": "wide"}, "count", MICROS, count_max=MAX_COUNT)
    assert isinstance(answer, InvalidParams)
    assert affordable(book, "count", 12, size="small").value == "2"


def test_without_a_maximum_an_amount_is_the_limit_or_nothing_is() -> None:
    book = a_book_with(UNBOUNDED)
    answer = affordable(book, "words", None, voice="plain")
    # A token is 20 words; the next started 10 words are half a token, rounded up to a whole one beyond all tokens.
    assert answer == Affordable(str(20 * 9_000_000_000_000), False, MAX_MICROS, "amount")
    free = a_book_with(
        """
        dimensions = [{ name = "words", type = "integer", minimum = 10, unbounded = true }]
        formula = { base = 4, surcharges = [{ dimension = "words", ranges = [{ up_to = 20, add = 0 }, { add = 3 }] }] }
        """
    )
    assert affordable(free, "words", 7) == Affordable(None, True, None, None)
    assert affordable(free, "words", 6) == Affordable("20", False, 4 * MICROS, "balance")
    assert affordable(free, "words", 3) == Affordable(None, False, None, "balance")


BOOKS = [a_shipped_book(path.stem) for path in sorted(PRICE_BOOKS.glob("*.toml"))]
ASKED = [
    (book, price, name)
    for book in BOOKS
    for price in book.prices
    for name in ("count", *(dimension.name for dimension in price.dimensions if dimension.numeric))
]


def some_params(price: Price, chance: random.Random) -> dict[str, object]:
    params: dict[str, object] = {}
    for dimension in price.dimensions:
        least, most = dimension.minimum or 0, dimension.maximum or 10_000
        if dimension.values:
            value = chance.choice(dimension.values)
            params[dimension.name] = value == "true" if dimension.type is DimensionType.BOOLEAN else value
        else:
            params[dimension.name] = chance.randint(int(least), int(most))
    return params


def goes_through(book: PriceBook, line: LineRequest, budget: int) -> bool:
    answer = price_lines(book, [line], purpose=Purpose.RESERVE)
    return isinstance(answer, Priced) and answer.total <= budget


@given(
    st.sampled_from(ASKED),
    st.integers(0, 2_000 * MICROS),
    st.sampled_from([None, -1, 0, 1]),
    st.randoms(use_true_random=False),
)
@example(ASKED[0], 0, None, random.Random(0))
def test_the_largest_value_goes_through_and_the_next_is_refused(
    asked: tuple[PriceBook, Price, str], budget: int, off: int | None, chance: random.Random
) -> None:
    """Over every price of every shipped book, most budgets so much off what some work needs."""
    book, price, name = asked
    params = some_params(price, chance)
    if off is not None:
        needed = price_lines(book, [LineRequest(price.model, params)], purpose=Purpose.RESERVE)
        budget = max(0, needed.total + off) if isinstance(needed, Priced) else budget
    answer = largest_affordable(price, params, name, budget, count_max=MAX_COUNT)
    if isinstance(answer, InvalidParams):
        assert price_lines(book, [LineRequest(price.model, params)], purpose=Purpose.ESTIMATE) == answer
        return

    def line(value: Fraction) -> LineRequest:
        if name == "count":
            return LineRequest(price.model, params, int(value))
        exact: object = int(value) if value.denominator == 1 else Decimal(value.numerator) / Decimal(value.denominator)
        return LineRequest(price.model, {**params, name: exact})

    dimension = next((known for known in price.dimensions if known.name == name), None)
    assert not answer.unbounded
    if answer.value is None:
        least = Fraction(dimension.minimum or 0) if dimension else Fraction(1)
        assert not goes_through(book, line(least), budget)
        return
    value = Fraction(answer.value)
    shown = price_lines(book, [line(value)], purpose=Purpose.ESTIMATE)
    assert isinstance(shown, Priced)
    assert shown.total == answer.cost_micros
    assert goes_through(book, line(value), budget)
    step = Fraction(1, STEPS_PER_UNIT) if dimension and dimension.type is DimensionType.NUMBER else Fraction(1)
    assert not goes_through(book, line(value + step), budget)
