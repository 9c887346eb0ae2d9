from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.tokens import MAX_MICROS, MICROS
from server.edge.exact_json import TokenNumber, exact_json


@pytest.mark.parametrize(
    ("micros", "written"),
    [
        (283 * MICROS, "283"),
        (400_000, "0.4"),
        (1, "0.000001"),
        (0, "0"),
        (-35 * MICROS, "-35"),
        (MAX_MICROS - 1, "8999999999999.999999"),
    ],
)
def test_an_amount_is_a_number_of_tokens_without_an_exponent(micros: int, written: str) -> None:
    assert exact_json(TokenNumber(micros)) == written


@given(st.integers(-MAX_MICROS, MAX_MICROS))
def test_an_amount_loses_nothing_on_its_way(micros: int) -> None:
    read = json.loads(exact_json({"cost": TokenNumber(micros)}), parse_float=Decimal, parse_int=Decimal)

    assert read["cost"] * MICROS == micros


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": None, "b": [True, False, 1, "é", 'quote " backslash \\', "\U0001f600", {"c": []}]},
        {'odd " name\n': "\u2028 \ud800"},
    ],
)
def test_everything_else_is_json_in_ascii(value: Any) -> None:
    written = exact_json(value)

    assert written.isascii()
    assert json.loads(written) == value
