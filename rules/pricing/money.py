"""Money: minor units of an ISO 4217 currency, what they are called, and what tokens are worth in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from rules.pricing.offers import MAX_MINOR_UNITS, Package, Plan
from rules.pricing.tokens import MICROS

RATE_DIGITS = 10
"""Significant digits of a price per token that does not end; more than any price list prints."""

_DIGITS_DEFAULT = 2
_NO_DIGITS = "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf"
_THREE_DIGITS = "bhd iqd jod kwd lyd omr tnd"
_FOUR_DIGITS = "clf uyw"
_DIGITS = {
    code: digits for digits, codes in ((0, _NO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS)) for code in codes.split()
}
"""ISO 4217's minor units, where they are not two digits."""

_SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class _Manner:
    """How people write an amount: around the number (`{}`), between thousands, before the fraction."""

    pattern: str
    group: str = ","
    point: str = "."


_MANNERS = {
    "usd": _Manner("${}"),
    "gbp": _Manner("£{}"),
    "jpy": _Manner("¥{}"),
    "cny": _Manner("¥{}"),
    "inr": _Manner("₹{}"),
    "krw": _Manner("₩{}"),
    "ils": _Manner("₪{}"),
    "eur": _Manner("€{}"),
    "rub": _Manner(f"{{}}{_SPACE}₽", _SPACE, ","),
    "uah": _Manner(f"{{}}{_SPACE}₴", _SPACE, ","),
    "kzt": _Manner(f"{{}}{_SPACE}₸", _SPACE, ","),
    "pln": _Manner(f"{{}}{_SPACE}zł", _SPACE, ","),
}
"""Of currencies with a sign of their own; every other one has its code after the number."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency, which is an ISO 4217 code in lower case."""

    minor_units: int
    currency: str

    @property
    def decimal(self) -> str:
        """In whole units with all the currency's digits: "40.00"; a point, no grouping."""
        whole, fraction = self._parts()
        return f"{self._sign}{whole}.{fraction}" if fraction else f"{self._sign}{whole}"

    @property
    def formatted(self) -> str:
        """As people read it, the same in every language: "$1,790.00", "1 790,00 ₽", "1,790.00 CHF".

        Spaces are no-break spaces. Dollars, pounds, euros, yen, yuan, rupees, won and shekels have the sign before the
        number, roubles, hryvnias, tenges and zloty behind it as at home; any other currency has its code behind.
        """
        manner = _MANNERS.get(self.currency) or _Manner(f"{{}}{_SPACE}{self.currency.upper()}")
        whole, fraction = self._parts()
        number = f"{whole:,}".replace(",", manner.group)
        return self._sign + manner.pattern.format(f"{number}{manner.point}{fraction}" if fraction else number)

    @property
    def _sign(self) -> str:
        return "-" if self.minor_units < 0 else ""

    def _parts(self) -> tuple[int, str]:
        digits = minor_unit_digits(self.currency)
        whole, fraction = divmod(abs(self.minor_units), 10**digits)
        return whole, f"{fraction:0{digits}d}" if digits else ""


@dataclass(frozen=True, slots=True)
class TokenRate:
    """What tokens are worth: so many minor units for each micro-token, exactly."""

    minor_units_per_micro: Fraction
    currency: str

    def money(self, micros: int) -> Money | None:
        """An amount of tokens in money, rounded up to a minor unit, so that nothing that costs tokens looks free.

        None where that is more than an amount of money can say.
        """
        exact = micros * self.minor_units_per_micro
        minor_units = -(-exact.numerator // exact.denominator)
        return Money(minor_units, self.currency) if minor_units <= MAX_MINOR_UNITS else None


@dataclass(frozen=True, slots=True)
class Paid:
    """What an account paid in one currency for tokens that it has not used up, and how many came for it."""

    currency: str
    minor_units: int
    tokens_micros: int


def minor_unit_digits(currency: str) -> int:
    """How many digits after the point a currency's minor unit has; two where ISO 4217 does not say otherwise."""
    return _DIGITS.get(currency, _DIGITS_DEFAULT)


def price_per_token(offer: Package | Plan, currency: str) -> str:
    """What one of an offer's tokens costs, bonus included, in whole units of the currency as a decimal string.

    Exact where that takes at most RATE_DIGITS significant digits, else rounded half up to so many.
    """
    tokens = Decimal(offer.tokens_micros + offer.bonus_tokens_micros) / MICROS
    context = Context(prec=RATE_DIGITS, rounding=ROUND_HALF_UP)
    price = Decimal(offer.price_minor_units).scaleb(-minor_unit_digits(currency))
    text = format(context.divide(price, tokens), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def effective_rate(paid: Sequence[Paid], packages: Sequence[Package], currency: str) -> TokenRate | None:
    """What an account's tokens are worth in the book's currency.

    What it paid for those it has, where it paid anything in this currency; else the rate of the smallest package (of
    two with as many tokens, the cheaper one). None where there is neither.
    """
    for part in paid:
        if part.currency == currency and part.minor_units > 0 and part.tokens_micros > 0:
            return TokenRate(Fraction(part.minor_units, part.tokens_micros), currency)
    if not packages:
        return None
    smallest = min(packages, key=lambda package: (package.tokens_micros, package.price_minor_units))
    tokens = smallest.tokens_micros + smallest.bonus_tokens_micros
    return TokenRate(Fraction(smallest.price_minor_units, tokens), currency)
