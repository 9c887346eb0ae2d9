from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.pricing.tokens import MAX_MICROS, format_tokens, parse_tokens


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("35", 35_000_000),
        ("0.000125", 125),
        ("-1.5", -1_500_000),
        ("-0", 0),
        ("007", 7_000_000),
        (12, 12_000_000),
        ("9000000000000", MAX_MICROS),
    ],
)
def test_an_amount_is_read_exactly(text: str | int, micros: int) -> None:
    assert parse_tokens(text) == micros


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1",
        "1 ",
        "+1",
        "1e3",
        "NaN",
        "Infinity",
        ".5",
        "5.",
        "1.0000001",
        "1_000",
        "1,5",
        "٣",
        "1\n",
        "0x10",
        "9000000000000.000001",
        "99999999999999",
        9_000_000_000_001,
        2**63,
        True,
        1.5,
        None,
        "1\x00",
    ],
)
def test_what_is_not_an_exact_amount_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_tokens(value)


@given(st.integers(-MAX_MICROS, MAX_MICROS))
def test_every_amount_survives_the_wire(micros: int) -> None:
    text = format_tokens(micros)
    assert parse_tokens(text) == micros
    assert "e" not in text.lower()
    assert not ("." in text and text.endswith(("0", ".")))
