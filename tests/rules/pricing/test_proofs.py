"""What every price promises, whatever its type: held against all that it can cost, counted out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.pricing.bounds import price_bounds, reservation_bound
from rules.pricing.costs import use_cost
from rules.pricing.dimensions import DimensionType, Value
from rules.pricing.exact_numbers import Number
from rules.pricing.formulas import Flat, Metered, RangeTable
from rules.pricing.meters import Meter
from rules.pricing.monotony import monotone_dimensions
from rules.pricing.policies import Policies
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines, price_values
from rules.pricing.refusals import InvalidParams
from rules.pricing.tokens import MICROS
from tests.rules.pricing.prices import (
    CHOICES,
    DIMENSIONS,
    GREATEST,
    SECONDS,
    SECONDS_TRIED,
    STEPS,
    as_sent,
    every_value,
    meters,
    params_of,
    prices,
)

values_tried = st.sampled_from(list(every_value(least=1)))


def book_of(*prices: Price) -> PriceBook:
    return PriceBook("test", "Test", "usd", (), Policies(), prices)


def cost_of(book: PriceBook, values: tuple[Value, ...], purpose: Purpose = Purpose.ESTIMATE) -> int | None:
    """What one use costs, before any rounding at the end of its hold; None where it is not offered."""
    answer = price_lines(book, [LineRequest("work", params_of(values))], purpose=purpose)
    if isinstance(answer, InvalidParams):
        return None
    assert isinstance(answer, Priced), answer
    return answer.lines[0].cost


def a_metered_price(*counted: Meter, multipliers: tuple[RangeTable, ...] = ()) -> Price:
    pricing = Metered(0, counted, multipliers)
    bounds = price_bounds(DIMENSIONS, pricing, 1)
    assert bounds is not None
    return Price("work", "Work", "text", pricing, bounds, DIMENSIONS, rounds_at_end=True)


CHEAPER_FROM_3 = Meter(STEPS, (2 * MICROS, MICROS), (3,), (0, 0), volume=True)


@settings(max_examples=60, deadline=None)
@given(prices())
def test_inside_its_bounds_no_price_fails_or_is_negative_and_its_least_and_greatest_are_the_true_ones(
    price: Price,
) -> None:
    book = book_of(price)
    costs = [cost for values in every_value() if (cost := cost_of(book, values)) is not None]
    assert min(costs) >= 0
    assert (price.bounds.least_micros, price.bounds.greatest_micros) == (min(costs), max(costs))


@settings(max_examples=100, deadline=None)
@given(prices(), values_tried)
@example(a_metered_price(CHEAPER_FROM_3), ("low", "true", 4, 1))
def test_a_hold_has_the_greatest_cost_of_all_params_with_every_number_at_or_below(
    price: Price, values: tuple[Value, ...]
) -> None:
    book = book_of(price)
    held = cost_of(book, values, Purpose.RESERVE)
    if held is None:
        return
    quality, hd, steps, seconds = values
    assert isinstance(steps, int)
    below = [(quality, hd, s, t) for s in range(steps + 1) for t in SECONDS_TRIED if t <= seconds]
    used = [cost for smaller in below if (cost := cost_of(book, smaller, Purpose.ACTUAL)) is not None]
    assert held == max(used)


@settings(max_examples=150, deadline=None)
@given(prices(), values_tried, st.sampled_from(Purpose), st.integers(1, 3))
def test_the_steps_add_up_to_the_cost(price: Price, values: tuple[Value, ...], purpose: Purpose, count: int) -> None:
    answer = price_lines(book_of(price), [LineRequest("work", params_of(values), count)], purpose=purpose)
    if isinstance(answer, Priced):
        (line,) = answer.lines
        assert sum(step.amount for step in line.steps) == line.cost == count * line.unit_cost
        # A cost is told as the sum of its steps, so it is held against the exact cost, which has none.
        whole = reservation_bound(price, values) if purpose is Purpose.RESERVE else None
        assert line.unit_cost == (whole or use_cost(price.pricing, values, price.use_unit_micros))
        assert answer.total == line.cost + answer.rounding == price_values(price, values, count, purpose)


def raised(values: tuple[Value, ...], column: int) -> list[tuple[Value, ...]]:
    tried: list[Number] = list(range(1, GREATEST + 1)) if column == STEPS else list(SECONDS_TRIED)
    return [(*values[:column], more, *values[column + 1 :]) for more in tried if more > values[column]]


@settings(max_examples=150, deadline=None)
@given(prices(), values_tried)
@example(a_metered_price(CHEAPER_FROM_3), ("low", "true", 3, 1))
def test_raising_a_monotone_dimension_never_lowers_the_cost(price: Price, values: tuple[Value, ...]) -> None:
    monotone = monotone_dimensions(price)
    book = book_of(price)
    cost = cost_of(book, values)
    if cost is None:
        return
    for column in (STEPS, SECONDS):
        if DIMENSIONS[column].name in monotone:
            for more in raised(values, column):
                dearer = cost_of(book, more)
                assert dearer is not None
                assert dearer >= cost


@settings(max_examples=150, deadline=None)
@given(st.lists(meters(), min_size=1, max_size=2), st.booleans())
@example([CHEAPER_FROM_3], False)
# A cheaper tier that a fixed amount, or another meter of the same dimension, makes up for.
@example([Meter(STEPS, (2 * MICROS, MICROS), (3,), (0, 3 * MICROS), volume=True)], False)
@example([CHEAPER_FROM_3, Meter(STEPS, (0, 0), (3,), (0, 3 * MICROS))], False)
# One step more makes up for a discount that no table makes up for.
@example([Meter(STEPS, (2 * MICROS, Fraction(8 * MICROS, 5)), (3,), (0, 0), volume=True)], False)
def test_a_dimension_that_is_not_monotone_falls_somewhere(counted: list[Meter], discount: bool) -> None:
    multipliers = (RangeTable(SECONDS, (4,), (1, Fraction(1, 2))),) if discount else ()
    price = a_metered_price(*counted, multipliers=multipliers)
    grid = {values: exact(price, values) for values in every_value() if values[:2] == (CHOICES[0], "true")}
    falls = {
        DIMENSIONS[column].name
        for column in (STEPS, SECONDS)
        for values, cost in grid.items()
        for more in raised(values, column)[:1]
        if grid[more] < cost
    }
    assert falls == {"steps", "seconds"} - set(monotone_dimensions(price))


def exact(price: Price, values: tuple[Value, ...]) -> Number:
    """Without bounds.py and costs.py: meters times discount."""
    assert isinstance(price.pricing, Metered)
    cost: Number = sum(by_units(meter, values[meter.column]) for meter in price.pricing.meters)
    for table in price.pricing.multipliers:
        cost = cost * table.amount(values[table.column])
    return cost


def by_units(meter: Meter, value: Value) -> Number:
    """What a meter comes to, half a unit by half a unit and the rest."""
    assert not isinstance(value, str)
    units = max(Fraction(0), Fraction(value) - meter.included)
    reached = sum(1 for end in meter.ends if units > end)
    if meter.volume:
        return meter.fixed[reached] + units * meter.rates[reached]
    cost: Number = sum(meter.fixed[: reached + 1])
    done = Fraction(0)
    while done < units:
        part = min(Fraction(1, 2), units - done)
        tier = sum(1 for end in meter.ends if done >= end)
        cost, done = cost + part * meter.rates[tier], done + part
    return cost


@given(meters(), st.sampled_from(SECONDS_TRIED))
def test_a_meter_counts_every_unit_at_the_rate_of_its_tier(meter: Meter, value: Number) -> None:
    assert meter.cost(value) == by_units(meter, value)


@given(st.sampled_from([Fraction(1, 3), Fraction(MICROS, 7), MICROS]), st.lists(st.integers(0, 50), min_size=1))
def test_a_use_captured_in_parts_costs_what_the_whole_does_and_at_most_a_micro_token_more_for_each(
    rate: Number, parts: list[int]
) -> None:
    dimensions = (DIMENSIONS[STEPS],)
    pricing = Metered(0, (Meter(0, (rate,)),))
    bounds = price_bounds(dimensions, pricing, 1)
    assert bounds is not None
    price = Price("work", "Work", "text", pricing, bounds, dimensions, rounds_at_end=True)
    lines = [LineRequest("work", {"steps": part}) for part in parts]
    whole = price_values(price, (sum(parts),), 1, Purpose.ACTUAL)
    assert isinstance(whole, int)
    captured = [price_lines(book_of(price), [line], purpose=Purpose.ACTUAL) for line in lines]
    split = sum(answer.lines[0].cost for answer in captured if isinstance(answer, Priced))
    exactly = rate * sum(parts)
    assert exactly <= split < exactly + len(parts)
    assert whole >= exactly


@given(prices(), values_tried, st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_splitting_the_count_never_changes_the_total(
    price: Price, values: tuple[Value, ...], counts: list[int]
) -> None:
    def total(*counts: int) -> object:
        lines = [LineRequest("work", params_of(values), count) for count in counts]
        answer = price_lines(book_of(price), lines, purpose=Purpose.RESERVE)
        return (answer.total, answer.rounding) if isinstance(answer, Priced) else answer

    assert total(*counts) == total(sum(counts))


def test_what_is_tried_is_what_a_caller_can_send() -> None:
    assert DIMENSIONS[STEPS].type is DimensionType.INTEGER
    for number in SECONDS_TRIED:
        assert Fraction(str(as_sent(number))) == number


@pytest.mark.parametrize("rounds_at_end", [True, False])
def test_a_price_without_numbers_has_no_monotone_dimension(rounds_at_end: bool) -> None:
    bounds = price_bounds((), Flat(1), 1)
    assert bounds is not None
    assert monotone_dimensions(Price("work", "Work", "image", Flat(1), bounds, rounds_at_end=rounds_at_end)) == ()
