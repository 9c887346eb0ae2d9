"""Wording: how people read amounts, params, and how a cost comes about; the same on the page and in spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, assert_never

from rules.pricing.dimensions import Dimension, Value, value_text
from rules.pricing.exact_numbers import Number, number_text, simplest
from rules.pricing.formulas import ChoiceTable, Flat, Formula, Matrix, Metered, RangeTable, Rate, Table
from rules.pricing.meters import Meter
from rules.pricing.price_book import Price
from rules.pricing.tokens import MICROS

DASH: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
_TOGETHER: Final = "\N{NO-BREAK SPACE}"
_YES_NO: Final = {"true": "yes", "false": "no"}
_PORTIONS: Final = (1, 1_000, 1_000_000)
_LEAST_SHOWN: Final = Fraction(1, 10)
"""A rate below this many tokens is told for a larger portion: 4 for 1,000,000 instead of 0.000004 for one."""
_RATE_DIGITS: Final = 6


def tokens_text(micros: int) -> str:
    """An amount of tokens with thousands apart: "1,790", "0.4"."""
    return amount_text(Fraction(micros, MICROS))


def amount_text(number: Number) -> str:
    """A number with thousands apart, exact where it ends within twenty digits."""
    whole, point, fraction = number_text(simplest(-number if number < 0 else number)).partition(".")
    return f"{'-' if number < 0 else ''}{int(whole):,}{point}{fraction}"


def cost_text(price: Price) -> str:
    """What one use costs: one amount, from least to greatest, or from the least on."""
    least, greatest = price.bounds.least_micros, price.bounds.greatest_micros
    if greatest is None:
        return f"from {tokens_text(least)}"
    return tokens_text(least) if least == greatest else f"{tokens_text(least)}{DASH}{tokens_text(greatest)}"


def choices(dimension: Dimension) -> tuple[str, ...]:
    """The values of a choice or boolean, as people read them."""
    return tuple(map(choice_text, dimension.values))


def choice_text(value: Value) -> str:
    """One choice, as people read it."""
    return _YES_NO.get(str(value), value_text(value))


def dimension_text(dimension: Dimension) -> str:
    """What a param takes: "fast, standard or high", or the least and greatest number with its unit."""
    if not dimension.numeric:
        return ", ".join(choices(dimension))
    unit = f" {_plural(dimension.unit)}" if dimension.unit else ""
    least = amount_text(dimension.minimum or 0)
    if dimension.maximum is None:
        return f"{least} or more{unit}"
    return f"{least}{DASH}{amount_text(dimension.maximum)}{unit}"


def default_text(dimension: Dimension) -> str:
    """What an absent param stands for, or that it must be given."""
    if dimension.default is None:
        return "must be given"
    return choice_text(dimension.default) if isinstance(dimension.default, str) else amount_text(dimension.default)


def params_text(price: Price) -> str:
    """All params in one line, each with its default: "quality: fast, high (fast); upscale: yes, no (no)"."""
    return "; ".join(
        f"{dimension.name}: {dimension_text(dimension)} ({default_text(dimension)})" for dimension in price.dimensions
    )


def terms(price: Price) -> tuple[str, ...]:
    """How the cost of a use comes about, part by part; nothing where one amount or a table says it all."""
    pricing = price.pricing
    match pricing:
        case Flat() | Matrix():
            return ()
        case Formula():
            parts = [
                *([f"{tokens_text(pricing.base_micros)} for each use"] if pricing.base_micros else ()),
                *(_surcharge(price, table) for table in pricing.surcharges),
                *(_rate(price, rate) for rate in pricing.rates),
            ]
        case Metered():
            parts = [
                *([f"{tokens_text(pricing.base_micros)} for each use"] if pricing.base_micros else ()),
                *(text for meter in pricing.meters for text in _meter(price, meter, _portion(price, pricing, meter))),
            ]
        case _:
            assert_never(pricing)
    parts += [_multiplier(price, table) for table in pricing.multipliers]
    if pricing.minimum_charge_micros:
        parts.append(f"at least {tokens_text(pricing.minimum_charge_micros)}")
    return tuple(parts)


def _rate(price: Price, rate: Rate) -> str:
    counted = [price.dimensions[column] for column in rate.columns]
    if len(counted) == 1:
        what = _counted(counted[0], one=rate.per == 1)
    else:
        product = f" {TIMES} ".join(map(_counted, counted))
        what = f"{_plural(counted[0].unit)} of {product}" if counted[0].unit else f"of {product}"
    every = "each started" if rate.started else "each" if rate.per == 1 else "every"
    per = "" if rate.per == 1 else f" {amount_text(rate.per)}"
    beyond = f" beyond the first {amount_text(rate.included)}" if rate.included else ""
    return f"{_rate_text(rate.amount * rate.per)} for {every}{per} {what}{beyond}"


def _portion(price: Price, pricing: Metered, meter: Meter) -> int:
    """For how many units rates are told: the same wherever the same is counted, so that rates can be compared."""
    unit = price.dimensions[meter.column].unit
    alike = [other for other in pricing.meters if price.dimensions[other.column].unit == unit]
    least = min([rate for other in alike for rate in other.rates if rate], default=1)
    return next((portion for portion in _PORTIONS if least * portion >= _LEAST_SHOWN * MICROS), _PORTIONS[-1])


def _meter(price: Price, meter: Meter, portion: int) -> Iterator[str]:
    dimension = price.dimensions[meter.column]
    beyond = f" beyond the first {amount_text(meter.included)}" if meter.included else ""
    for place, (rate, fixed) in enumerate(zip(meter.rates, meter.fixed, strict=True)):
        parts = [tokens_text(fixed)] if fixed else []
        if rate:
            every = "each" if portion == 1 else f"every {amount_text(portion)}"
            parts.append(f"{_rate_text(rate * portion)} for {every} {_counted(dimension, one=portion == 1)}{beyond}")
        yield f"{' and '.join(parts) or f'nothing for {_counted(dimension)}'}{_tier(meter, place)}"


def _tier(meter: Meter, place: int) -> str:
    """Where a tier of a meter holds; nothing where there is but one."""
    if not meter.ends:
        return ""
    if place < len(meter.ends):
        return f" up to {amount_text(meter.ends[place])}{' in all' if meter.volume else ''}"
    return f" for all of more than {amount_text(meter.ends[-1])}" if meter.volume else " from there on"


def _surcharge(price: Price, table: Table) -> str:
    name = price.dimensions[table.column].name
    added = (f"{at}{_TOGETHER}{_signed(amount)}" for at, amount in _rows(table) if amount)
    return f"{name}: {', '.join(added)}"


def _multiplier(price: Price, table: Table) -> str:
    name = price.dimensions[table.column].name
    times = (
        f"{at}{_TOGETHER}{TIMES}{_TOGETHER}{_rate_text(amount * MICROS)}" for at, amount in _rows(table) if amount != 1
    )
    return f"{name}: {', '.join(times)}"


def _rows(table: Table) -> Iterator[tuple[str, Number]]:
    match table:
        case ChoiceTable(_, amounts):
            for value, amount in amounts.items():
                yield choice_text(value), amount
        case RangeTable(_, ends, amounts):
            for end, amount in zip(ends, amounts, strict=False):
                yield f"up to {amount_text(end)}", amount
            yield (f"above {amount_text(ends[-1])}" if ends else "always"), amounts[-1]
        case _:
            assert_never(table)


def _signed(micros: Number) -> str:
    return f"{'+' if micros > 0 else ''}{_rate_text(micros)}"


def _rate_text(micros: Number) -> str:
    """An amount in micro-tokens and parts of them, cut to six digits after the point where it does not end."""
    exact = Fraction(micros) / MICROS
    shown = round(exact, _RATE_DIGITS)
    return f"{'' if shown == exact else 'about '}{amount_text(shown)}"


def _counted(dimension: Dimension, *, one: bool = False) -> str:
    """What a numeric param counts, as its name says it: durationSeconds are duration seconds, one a duration second."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in dimension.name)
    return words.removesuffix("s") if one else words


def _plural(unit: str) -> str:
    return unit if unit.endswith("s") or not unit.isascii() or len(unit) < 3 else f"{unit}s"
