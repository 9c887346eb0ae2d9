from __future__ import annotations

from fractions import Fraction

import pytest

from rules.pricing.exact_numbers import Number
from server.price_list.wording import amount_text, cost_text, params_text, terms
from tests.server.price_list.books import a_book

NEXT = "\N{NO-BREAK SPACE}"
TIMES = f"{NEXT}\N{MULTIPLICATION SIGN}{NEXT}"
TO = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1790, "1,790"),
        (9_000_000_000_000, "9,000,000,000,000"),
        (Fraction(4, 10), "0.4"),
        (Fraction(-1, 2), "-0.5"),
        (Fraction(1_234_567, 1000), "1,234.567"),
        (-1200, "-1,200"),
    ],
)
def test_amounts_have_their_thousands_apart(number: Number, text: str) -> None:
    assert amount_text(number) == text


@pytest.mark.parametrize(
    ("model", "text"),
    [("upscale", "8"), ("dall-e-3", f"5{TO}1,300"), ("painter", f"5{TO}173"), ("chat", "from 0.4004")],
)
def test_a_cost_is_one_amount_or_runs_from_the_least_to_the_greatest(model: str, text: str) -> None:
    price = a_book().prices_by_model[model]

    assert cost_text(price) == text


def test_params_are_told_with_their_defaults() -> None:
    book = a_book()

    assert params_text(book.prices_by_model["upscale"]) == ""
    assert params_text(book.prices_by_model["painter"]) == (
        f"quality: fast, high (fast); upscale: yes, no (no); steps: 1{TO}1,500 steps (25); "
        f"width: 64{TO}2,048 pixels (1,024); height: 64{TO}2,048 pixels (1,024)"
    )
    assert params_text(book.prices_by_model["chat"]).startswith("inputTokens: 1 or more tokens (must be given); ")


def test_a_formula_is_told_part_by_part() -> None:
    assert terms(a_book().prices_by_model["painter"]) == (
        "4 for each use",
        f"upscale: yes{NEXT}+2",
        "1 for every 1,048,576 pixels of width \N{MULTIPLICATION SIGN} height",
        "2 for each started 25 steps beyond the first 25",
        f"quality: high{TIMES}1.5",
        f"steps: above 50{TIMES}0.9",
        "at least 5",
    )


def test_meters_of_one_unit_are_told_for_the_same_portion() -> None:
    assert terms(a_book().prices_by_model["chat"]) == (
        "30 for every 1,000,000 input tokens beyond the first 100 up to 200,000",
        "20 for every 1,000,000 input tokens beyond the first 100 from there on",
        "2 up to 1,000 in all",
        "400 for every 1,000,000 output tokens for all of more than 1,000",
        "0.5 for each tool call",
    )


def test_what_one_amount_or_a_table_says_needs_no_words() -> None:
    assert terms(a_book().prices_by_model["upscale"]) == ()
    assert terms(a_book().prices_by_model["dall-e-3"]) == ()
