"""Monotony: which dimensions never lower the cost as they rise. Computed from the price, never declared.

The cost before rounding is compared right at, and right above, every end of a range or tier of the dimension; between
them it cannot fall. Two ways lead to an answer:

- All tables and meters of the dimension taken together rise there. Then the cost does, whatever the other params are.
- Otherwise a pair of values that falls is searched over all corners of the other dimensions. What is compared is
  linear in each of them between those corners, so the search misses nothing, except where a minimum charge, started
  units or an included product bend the cost elsewhere too. Such a price is taken at its word: it may fall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import floor, prod

from rules.pricing.bounds import ends_of
from rules.pricing.combinations import excluded_columns
from rules.pricing.costs import exact_cost
from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import MAX_NUMBER, SMALLEST_STEP, Number
from rules.pricing.formulas import Flat, Formula, Matrix, Metered, falling_columns
from rules.pricing.price_book import Price

MAX_SEARCHED = 100_000
"""More pairs than this are not compared: the dimension then counts as one that may fall."""


def monotone_dimensions(price: Price) -> tuple[str, ...]:
    """The numeric dimensions whose rise never lowers the cost, for all allowed values of the others."""
    falling = falling_columns(price.pricing)
    return tuple(
        dimension.name
        for column, dimension in enumerate(price.dimensions)
        if dimension.numeric and (column not in falling or _never_falls(price, column))
    )


def _never_falls(price: Price, column: int) -> bool:
    pricing = price.pricing
    assert isinstance(pricing, Formula | Metered)
    pairs = [pair for pair in _pairs(price, column) if not _rises(pricing, column, *pair)]
    if not pairs:
        return True
    others = [_samples(price, other) if other != column else (0,) for other in range(len(price.dimensions))]
    if not _plain(pricing) or len(pairs) * prod(map(len, others)) > MAX_SEARCHED:
        return False
    for values in product(*others):
        if excluded_columns(price.exclusions, values):
            continue
        for below, above in pairs:
            before = (*values[:column], below, *values[column + 1 :])
            after = (*values[:column], above, *values[column + 1 :])
            if exact_cost(pricing, after) < exact_cost(pricing, before):
                return False
    return True


def _pairs(price: Price, column: int) -> Iterator[tuple[Number, Number]]:
    """The last value of each range or tier of a dimension, and the first one of the next."""
    dimension = price.dimensions[column]
    for end in ends_of(price.pricing, column):
        below, above = _around(dimension, end)
        if below >= (dimension.minimum or 0) and (dimension.maximum is None or above <= dimension.maximum):
            yield below, above


def _around(dimension: Dimension, end: Number) -> tuple[Number, Number]:
    if dimension.type is DimensionType.INTEGER:
        return floor(end), floor(end) + 1
    return end, end + SMALLEST_STEP


def _rises(pricing: Formula | Metered, column: int, below: Number, above: Number) -> bool:
    """Whether sum and factor of all that stands on the dimension rise between two values."""
    change: Number = 0
    if isinstance(pricing, Metered):
        meters = [meter for meter in pricing.meters if meter.column == column]
        change = sum(meter.cost(above) - meter.cost(below) for meter in meters)
    else:
        tables = [table for table in pricing.surcharges if table.column == column]
        change = sum(table.amount(above) - table.amount(below) for table in tables)
    factors = [table for table in pricing.multipliers if table.column == column]
    return change >= 0 and prod(table.amount(above) for table in factors) >= prod(
        table.amount(below) for table in factors
    )


def _samples(price: Price, column: int) -> Sequence[Value]:
    """The corners of another dimension: its choices, its ends, and both sides of every end and bend between them."""
    dimension = price.dimensions[column]
    if dimension.values:
        return dimension.values
    least: Number = dimension.minimum or 0
    most: Number = MAX_NUMBER - 1 if dimension.maximum is None else dimension.maximum
    places = {side for bend in _bends(price, column) for side in _around(dimension, bend)}
    return sorted({least, most, *(place for place in places if least <= place <= most)})


def _bends(price: Price, column: int) -> Iterator[Number]:
    pricing = price.pricing
    yield from ends_of(pricing, column)
    match pricing:
        case Flat() | Matrix():
            return
        case Formula(rates=rates):
            yield from (rate.included for rate in rates if rate.columns == (column,))
        case Metered(meters=meters):
            yield from (meter.included for meter in meters if meter.column == column)


def _plain(pricing: Formula | Metered) -> bool:
    """Whether the cost is linear in every dimension between its samples."""
    if pricing.minimum_charge_micros:
        return False
    if isinstance(pricing, Metered):
        return True
    return not any(rate.started or (rate.included and len(rate.columns) > 1) for rate in pricing.rates)
