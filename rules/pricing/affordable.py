"""What is affordable: the largest value of one dimension, or of the count, whose hold fits into a budget.

What a reservation sets aside never falls as a number rises, because it is the greatest cost at or below that number. So
the largest value that fits is found by halving, and it is exact: that value goes through, the next one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from rules.pricing.dimensions import Dimension, DimensionType, ParamFault, Value, canonical_values, printable
from rules.pricing.exact_numbers import MAX_NUMBER, Number, number_text, simplest
from rules.pricing.price_book import Price
from rules.pricing.rating import Purpose, price_values
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MAX_MICROS

COUNT = "count"

STEPS_PER_UNIT = 10**6
"""Numbers are tried to six digits after the point: finer ones would not survive a client that reads them as floats."""


@dataclass(frozen=True, slots=True)
class Affordable:
    """The largest value that goes through, as text; None where not even the least does, or where nothing limits it.

    `cost_micros` is what an estimate shows at that value, which for some prices is less than is set aside. `limited_by`
    says what refuses the next value: "balance" (the budget), "dimension" (its own maximum), "count" (the greatest
    count) or "amount" (the greatest amount that a line may cost).
    """

    value: str | None
    unbounded: bool
    cost_micros: int | None
    limited_by: str | None


@dataclass(frozen=True, slots=True)
class _Axis:
    """The values to try, by their place from 0 to `last`: the price's values there with the count, and their text."""

    last: int
    at: Callable[[int], tuple[tuple[Value, ...], int]]
    text: Callable[[int], str]
    limit: str | None
    """What refuses a value beyond the last; None where nothing does."""


def largest_affordable(
    price: Price, params: Mapping[str, object], dimension: str, budget_micros: int | None, *, count_max: int
) -> Affordable | InvalidParams:
    """The largest value of a numeric dimension, or of "count", that can be reserved within a budget.

    `params` are those of the other dimensions, defaults filled in; a value given for the dimension itself is passed
    over. A dimension is asked for one use. `budget_micros` None is unlimited. Whole numbers go up by 1, others by
    1 / STEPS_PER_UNIT, from the minimum to the maximum. InvalidParams where a param or the dimension does not fit.
    """
    axis = _axis(price, params, dimension, count_max)
    if isinstance(axis, InvalidParams):
        return axis
    limit = MAX_MICROS if budget_micros is None else min(budget_micros, MAX_MICROS)
    refusing = "balance" if budget_micros is not None and budget_micros < MAX_MICROS else "amount"

    def fits(place: int) -> bool:
        held = price_values(price, *axis.at(place), Purpose.RESERVE)
        return not isinstance(held, InvalidParams) and held <= limit

    def answer(place: int, limited_by: str) -> Affordable:
        cost = price_values(price, *axis.at(place), Purpose.ESTIMATE)
        assert not isinstance(cost, InvalidParams)
        return Affordable(axis.text(place), False, cost, limited_by)

    least = price_values(price, *axis.at(0), Purpose.RESERVE)
    if isinstance(least, InvalidParams):
        return least
    if least > limit:
        return Affordable(None, False, None, refusing)
    if fits(axis.last):
        return Affordable(None, True, None, None) if axis.limit is None else answer(axis.last, axis.limit)
    # The first of the two always fits, the second never does; the distance halves, so it ends.
    fitting, failing = 0, axis.last
    while failing - fitting > 1:
        middle = (fitting + failing) // 2
        if fits(middle):
            fitting = middle
        else:
            failing = middle
    return answer(fitting, refusing)


def _axis(price: Price, params: Mapping[str, object], dimension: str, count_max: int) -> _Axis | InvalidParams:
    others = {name: value for name, value in params.items() if name != dimension}
    if dimension == COUNT:
        values = canonical_values(price.dimensions, others, within_bounds=True)
        if isinstance(values, ParamFault):
            return InvalidParams(price.model, values.param, values.message)
        given: tuple[Value, ...] = values
        return _Axis(count_max - 1, lambda place: (given, place + 1), lambda place: str(place + 1), COUNT)
    columns = [column for column, known in enumerate(price.dimensions) if known.name == dimension and known.numeric]
    if not columns:
        numbers = ", ".join(known.name for known in price.dimensions if known.numeric)
        choose = f"{COUNT} or one of {numbers}" if numbers else COUNT
        shown = printable(dimension)
        return InvalidParams(price.model, shown, f"The model has no number {shown!r} to ask for; choose {choose}.")
    (column,) = columns
    asked = price.dimensions[column]
    rest = (*price.dimensions[:column], *price.dimensions[column + 1 :])
    values = canonical_values(rest, others, within_bounds=True)
    if isinstance(values, ParamFault):
        return InvalidParams(price.model, values.param, values.message)
    last, number = _numbers(asked)
    return _Axis(
        last,
        lambda place: ((*values[:column], number(place), *values[column:]), 1),
        lambda place: number_text(number(place)),
        None if asked.maximum is None else "dimension",
    )


def _numbers(dimension: Dimension) -> tuple[int, Callable[[int], Number]]:
    """The last place of a dimension's numbers, and the number at each place: its ends, and the whole steps between."""
    minimum = dimension.minimum or 0
    steps = 1 if dimension.type is DimensionType.INTEGER else STEPS_PER_UNIT
    maximum = MAX_NUMBER - Fraction(1, steps) if dimension.maximum is None else dimension.maximum
    first, end = floor(minimum * steps), floor(maximum * steps)
    last = end - first + (maximum * steps != end)

    def number(place: int) -> Number:
        return minimum if place == 0 else min(simplest(Fraction(first + place, steps)), maximum)

    return last, number
