"""Bounds: the least and the greatest that a price can cost, and the upper bound of a reservation.

Searched, never assumed.

Between the ends of its ranges and tiers a price never costs less for a greater number (its rates are not negative, its
sum is not negative, its multipliers are positive). So on each cell between ends the greatest cost stands at the upper
corner and the least at the lower one; ranges and tiers include their upper end, so both corners are values that a param
can take. It is enough to try every corner of every cell for every combination of choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, product
from math import floor, prod

from rules.pricing.combinations import Exclusion, excluded_columns
from rules.pricing.costs import NotAllowed, exact_cost, round_up, sum_before_multipliers, use_cost
from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import SMALLEST_STEP, Number
from rules.pricing.formulas import Flat, Formula, Matrix, Metered, Pricing, RangeTable, Table, falling_columns
from rules.pricing.price_book import Price, PriceBounds

MAX_CORNERS = 10_000
"""More combinations than this are not searched: reading a book must stay quick."""

MAX_FALLING_CORNERS = 100
"""Of the ranges at which a price may fall: each of up to a hundred reserved lines is searched over them."""

MAX_BOOK_CORNERS = 100_000
"""Of all prices of a book together."""


def corner_count(dimensions: Sequence[Dimension], pricing: Pricing) -> int:
    """How many combinations of choices and ranges the bounds of a price have to be searched over."""
    return prod(
        len(dimension.values) or len(ends_of(pricing, column)) + 1 for column, dimension in enumerate(dimensions)
    )


def falling_corner_count(pricing: Pricing) -> int:
    """How many combinations of ranges the bound of one reserved line may have to be searched over."""
    return prod(len(ends_of(pricing, column)) + 1 for column in falling_columns(pricing))


def price_bounds(
    dimensions: Sequence[Dimension],
    pricing: Pricing,
    rounding_unit_micros: int,
    exclusions: Sequence[Exclusion] = (),
) -> PriceBounds | None:
    """The cost at the first values, the least and the greatest over all allowed params; None where nothing is allowed.

    First values that are not allowed together give way to the first combination that is.
    """
    first: Number | None = None
    least: Number | None = None
    firsts = (tuple(dimension.first_value for dimension in dimensions),)
    for values in chain(firsts, corners(dimensions, pricing, upper=False)):
        cost = _allowed_cost(pricing, values, exclusions)
        if cost is not None:
            first = cost if first is None else first
            least = cost if least is None else min(least, cost)
    if first is None or least is None:
        return None
    greatest: Number | None = None
    if not _unbounded(dimensions, pricing):
        for values in corners(dimensions, pricing, upper=True):
            cost = _allowed_cost(pricing, values, exclusions)
            if cost is not None and (greatest is None or cost > greatest):
                greatest = cost
    return PriceBounds(
        first_micros=round_up(first, rounding_unit_micros),
        least_micros=round_up(least, rounding_unit_micros),
        greatest_micros=None if greatest is None else round_up(greatest, rounding_unit_micros),
    )


def reservation_bound(price: Price, values: tuple[Value, ...]) -> int:
    """The greatest cost of one use, in micro-tokens, with every number at or below these and every choice equal.

    It reaches down to zero, below the price's own minimum, because work that has run is not held to the minimum.
    Raises NotAllowed.
    """
    pricing = price.pricing
    falling = falling_columns(pricing)
    if not falling:
        return use_cost(pricing, values, price.use_unit_micros)
    options = [
        (*(end for end in ends_of(pricing, column) if _below(end, value)), value) if column in falling else (value,)
        for column, value in enumerate(values)
    ]
    return round_up(max(exact_cost(pricing, corner) for corner in product(*options)), price.use_unit_micros)


def negative_corner(dimensions: Sequence[Dimension], formula: Formula) -> tuple[Value, ...] | None:
    """Values at which base and surcharges fall below zero, down to numbers of zero; None where they never do."""
    for values in corners(dimensions, formula, upper=False, from_zero=True):
        if sum_before_multipliers(formula, values) < 0:
            return values
    return None


def _allowed_cost(pricing: Pricing, values: tuple[Value, ...], exclusions: Sequence[Exclusion]) -> Number | None:
    if exclusions and excluded_columns(exclusions, values):
        return None
    try:
        return exact_cost(pricing, values)
    except NotAllowed:
        return None


def corners(
    dimensions: Sequence[Dimension], pricing: Pricing, *, upper: bool, from_zero: bool = False
) -> Iterator[tuple[Value, ...]]:
    """Every combination of choices with every upper, or lower, corner between the ends of ranges and tiers."""
    return product(
        *(
            dimension.values or _numbers(dimension, ends_of(pricing, column), upper=upper, from_zero=from_zero)
            for column, dimension in enumerate(dimensions)
        )
    )


def _numbers(dimension: Dimension, ends: Sequence[Number], *, upper: bool, from_zero: bool) -> tuple[Number, ...]:
    """The upper or lower ends of the cells of a numeric dimension, within its bounds."""
    whole = dimension.type is DimensionType.INTEGER
    first: Number = 0 if from_zero else dimension.minimum or 0
    maximum = dimension.maximum
    inside = [end for end in ends if end >= first and (maximum is None or end < maximum)]
    if not upper:
        return (first, *(floor(end) + 1 if whole else end + SMALLEST_STEP for end in inside))
    if maximum is None:
        # Beyond its last range end an unbounded dimension that no rate stands on costs the same everywhere.
        maximum = max(first, *inside) + 1 if inside else first
    return (*inside, maximum)


def ends_of(pricing: Pricing, column: int) -> Sequence[Number]:
    """Where the ranges and tiers of a dimension end, ascending: only right above such a value can the cost fall."""
    match pricing:
        case Flat() | Matrix():
            return ()
        case Formula(surcharges=surcharges, multipliers=multipliers):
            return sorted(_range_ends((*surcharges, *multipliers), column))
        case Metered(meters=meters, multipliers=multipliers):
            bends = {bend for meter in meters if meter.column == column for bend in meter.bends}
            return sorted(bends | _range_ends(multipliers, column))


def _range_ends(tables: Sequence[Table], column: int) -> set[Number]:
    return {end for table in tables if table.column == column and isinstance(table, RangeTable) for end in table.ends}


def _unbounded(dimensions: Sequence[Dimension], pricing: Pricing) -> bool:
    """Whether the cost grows without end with a dimension that has no maximum."""
    match pricing:
        case Flat() | Matrix():
            return False
        case Formula(rates=rates):
            growing = {column for rate in rates if rate.amount > 0 for column in rate.columns}
        case Metered(meters=meters):
            growing = {meter.column for meter in meters if meter.unlimited}
    return any(dimensions[column].maximum is None for column in growing)


def _below(end: Number, value: Value) -> bool:
    assert not isinstance(value, str)
    return end < value
