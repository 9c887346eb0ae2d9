"""Rounding: each use by itself, or all of a hold's exact lines together at its end."""

from __future__ import annotations

import pytest

from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_book, priced

LINE, HOLD = 'rounding = "line"\n', 'rounding = "hold"\n'
FLAT = '[[prices]]\nname = "Flat"\ncategory = "image"\ntokens = 0.4\n'
METERED = """[[prices]]
name = "Metered"
category = "text"
dimensions = [{ name = "words", type = "integer", minimum = 0, maximum = 1000, default = 1 }]
metered = { of = "words", tokens = 0.3 }
"""


def together(book: PriceBook, *models: str) -> Priced:
    answer = price_lines(book, [LineRequest(model) for model in models], purpose=Purpose.ESTIMATE)
    assert isinstance(answer, Priced)
    return answer


def micros(tokens: float) -> int:
    return round(tokens * MICROS)


@pytest.mark.parametrize(
    ("book", "flat", "metered"),
    [
        (FLAT + METERED, 1.0, 0.3),
        (LINE + FLAT + METERED, 1.0, 1.0),
        (HOLD + FLAT + METERED, 0.4, 0.3),
        (HOLD + FLAT + LINE + METERED, 1.0, 0.3),
        (LINE + FLAT + METERED + HOLD, 1.0, 0.3),
        ("rounding_unit = 0.25\n" + FLAT + METERED, 0.5, 0.3),
    ],
)
def test_metered_prices_round_per_hold_and_others_per_line_unless_told_otherwise(
    book: str, flat: float, metered: float
) -> None:
    read = a_book(book)
    assert (priced(read, model="flat").cost, priced(read, model="metered").cost) == (micros(flat), micros(metered))


def test_the_total_is_the_sum_of_the_lines_with_what_rounding_the_exact_ones_adds() -> None:
    answer = together(a_book(FLAT + METERED), "flat", "metered", "metered")
    assert [line.cost for line in answer.lines] == [micros(1), micros(0.3), micros(0.3)]
    assert (answer.rounding, answer.total, answer.rounding_unit) == (micros(0.4), 2 * MICROS, MICROS)


def test_work_that_rounds_per_line_alone_has_no_rounding_at_the_end() -> None:
    answer = together(a_book(FLAT + METERED), "flat", "flat")
    assert (answer.rounding, answer.total, answer.rounding_unit) == (0, 2 * MICROS, 0)


def test_prices_with_different_units_are_rounded_to_the_widest() -> None:
    book = a_book(METERED + "rounding_unit = 0.25\n" + METERED.replace("Metered", "Wide") + "rounding_unit = 5\n")
    assert together(book, "metered").total == micros(0.5)
    answer = together(book, "metered", "wide")
    assert (answer.total, answer.rounding, answer.rounding_unit) == (micros(5), micros(4.4), micros(5))


def test_a_total_that_rounding_alone_lifts_beyond_the_greatest_amount_is_refused() -> None:
    book = a_book(
        '[[prices]]\nname = "Dear"\ncategory = "text"\nrounding = "hold"\nrounding_unit = 2\ntokens = 8999999999999\n'
        '[[prices]]\nname = "Small"\ncategory = "text"\nrounding = "hold"\nrounding_unit = 2\ntokens = 1\n'
    )
    assert together(book, "dear").total == 9_000_000_000_000 * MICROS
    lines = [LineRequest("dear"), LineRequest("small"), LineRequest("small")]
    assert not isinstance(price_lines(book, lines, purpose=Purpose.ESTIMATE), Priced)
