"""Exact numbers: a param's number as an integer or a fraction, never a float."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

Number = int | Fraction

MAX_NUMBER = 10**15
"""Params and bounds stay below this, so that a product of several stays small enough to compute with."""

MAX_FRACTION_DIGITS = 20
"""The shortest decimal form of any float above 0.001 fits; longer tails are mistakes."""

SMALLEST_STEP = Fraction(1, 10**MAX_FRACTION_DIGITS)
"""The distance between two neighbouring numbers that a param can take."""


class NumberOutOfForm(ValueError):
    """The value is not a number, not finite, or has absurdly many digits; the message ends a sentence about it."""


def exact_number(value: object) -> Number:
    """The exact value of an int, float (by its shortest decimal form) or Decimal; whole numbers come back as int.

    Raises NumberOutOfForm for anything else: booleans, strings, NaN, infinities, absurd digits.
    """
    if type(value) is int:
        if not -MAX_NUMBER < value < MAX_NUMBER:
            raise NumberOutOfForm(f"must be below {MAX_NUMBER}")
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise NumberOutOfForm("must be a finite number")
        value = Decimal(repr(value))
    if not isinstance(value, Decimal):
        raise NumberOutOfForm("must be a number")
    if not value.is_finite():
        raise NumberOutOfForm("must be a finite number")
    if value.is_zero():
        return 0
    if value.adjusted() >= 15:
        raise NumberOutOfForm(f"must be below {MAX_NUMBER}")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_FRACTION_DIGITS:
        raise NumberOutOfForm(f"must have at most {MAX_FRACTION_DIGITS} fraction digits")
    return simplest(Fraction(value))


def simplest(number: Number) -> Number:
    """The number as int where it is whole, which is quicker to compute with."""
    return number.numerator if number.denominator == 1 else number


def number_text(number: Number) -> str:
    """The decimal form of a number with at most MAX_FRACTION_DIGITS fraction digits: no exponent, no trailing zeros."""
    if isinstance(number, int):
        return str(number)
    scaled = number * 10**MAX_FRACTION_DIGITS
    whole, fraction = divmod(abs(scaled.numerator // scaled.denominator), 10**MAX_FRACTION_DIGITS)
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{fraction:0{MAX_FRACTION_DIGITS}d}".rstrip("0").rstrip(".")
