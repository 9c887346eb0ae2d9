"""Amounts of tokens: exact integers of micro-tokens inside, decimal strings outside."""

from __future__ import annotations

import re
from decimal import Decimal

MICROS = 1_000_000
"""Micro-tokens in one token."""

MAX_TOKENS = 9_000_000_000_000
MAX_MICROS = MAX_TOKENS * MICROS
"""The greatest amount in either direction; it fits a signed 64-bit column."""

_DECIMAL = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,6}))?")
_FORM = (
    "must be a whole number or a decimal string with at most 13 digits before the point and 6 after it, such as 12.5"
)
_BOUND = f"must lie between -{MAX_TOKENS} and {MAX_TOKENS} tokens"


def parse_tokens(value: str | int) -> int:
    """The amount in micro-tokens that a decimal string or a whole number of tokens names.

    Raises ValueError, with a message fit for the caller's eyes, for booleans, floats, exponent forms, more than
    6 fraction digits and amounts beyond MAX_TOKENS.
    """
    if type(value) is int:
        if not -MAX_TOKENS <= value <= MAX_TOKENS:
            raise ValueError(_BOUND)
        return value * MICROS
    if type(value) is not str:
        raise ValueError(_FORM)
    match = _DECIMAL.fullmatch(value)
    if match is None:
        raise ValueError(_FORM)
    sign, whole, fraction = match.groups()
    micros = int(whole) * MICROS + int((fraction or "").ljust(6, "0"))
    if micros > MAX_MICROS:
        raise ValueError(_BOUND)
    return -micros if sign else micros


def parse_token_literal(value: str | int | Decimal) -> int:
    """Like parse_tokens, and also takes an exact decimal, as a number literal of a price book is read."""
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 13 or value.as_tuple().exponent not in range(-20, 14):
            raise ValueError(_FORM)
        value = format(value, "f")
        if "." in value:
            value = value.rstrip("0").rstrip(".")
    return parse_tokens(value)


def format_tokens(micros: int) -> str:
    """The decimal string of an amount of micro-tokens: no exponent, no trailing zeros ("35", "0.000125")."""
    whole, fraction = divmod(abs(micros), MICROS)
    sign = "-" if micros < 0 else ""
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:06d}".rstrip("0")
