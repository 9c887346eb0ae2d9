from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rules.pricing.bounds import corner_count, negative_corner, price_bounds, reservation_bound
from rules.pricing.costs import exact_cost, use_cost, use_steps
from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import Number, simplest
from rules.pricing.formulas import ChoiceTable, Formula, RangeTable, Rate, Table
from rules.pricing.price_book import Price
from rules.pricing.rating import Purpose
from rules.pricing.tokens import MICROS
from tests.rules.pricing.books import a_book_with, a_shipped_book, priced

CHOICES = ("low", "high")
GREATEST = 8

QUALITY = Dimension("quality", DimensionType.CHOICE, None, CHOICES, "low")
STEPS = Dimension("steps", DimensionType.INTEGER, None, (), 2, 1, GREATEST)
SECONDS = Dimension("seconds", DimensionType.NUMBER, None, (), 2, 1, GREATEST)
DIMENSIONS = (QUALITY, STEPS, SECONDS)
HALVES = tuple(simplest(Fraction(number, 2)) for number in range(2 * GREATEST + 1))
"""Range ends fall on whole seconds, so halves stand on every end and inside every range."""

FACTORS: list[Number] = [Fraction(1, 3), Fraction(1, 2), 1, Fraction(7, 5), 3]
factors = st.sampled_from(FACTORS)
surcharges = st.integers(-3, 5).map(lambda tokens: tokens * MICROS)


def tables(amounts: st.SearchStrategy[Number]) -> st.SearchStrategy[Table]:
    def ranges(column: int) -> st.SearchStrategy[Table]:
        ends = st.lists(st.integers(1, GREATEST - 1), max_size=3, unique=True).map(sorted)
        return ends.flatmap(
            lambda found: st.lists(amounts, min_size=len(found) + 1, max_size=len(found) + 1).map(
                lambda values: RangeTable(column, tuple(found), tuple(values))
            )
        )

    choices = st.tuples(amounts, amounts).map(lambda pair: ChoiceTable(0, dict(zip(CHOICES, pair, strict=True))))
    return st.one_of(choices, ranges(1), ranges(2))


rates = st.builds(
    Rate,
    columns=st.sampled_from([(1,), (2,), (1, 2)]),
    amount=st.sampled_from([0, 80_000, MICROS, Fraction(MICROS, 3)]),
    per=st.just(1),
    included=st.sampled_from([0, 2, 5]),
    started=st.booleans(),
)
formulas = st.builds(
    Formula,
    base_micros=st.integers(0, 12).map(lambda tokens: tokens * MICROS),
    surcharges=st.lists(tables(surcharges), max_size=2).map(tuple),
    rates=st.lists(rates, max_size=2).map(tuple),
    multipliers=st.lists(tables(factors), max_size=2).map(tuple),
    minimum_charge_micros=st.sampled_from([0, 4 * MICROS]),
)
params = st.tuples(st.sampled_from(CHOICES), st.integers(0, GREATEST), st.sampled_from(HALVES))


def every_value(least: int) -> list[tuple[Value, ...]]:
    """Every choice with every whole number of steps and every half second from the least on."""
    seconds = [number for number in HALVES if number >= least]
    return list(product(CHOICES, range(least, GREATEST + 1), seconds))


def a_price(formula: Formula) -> Price:
    assume(negative_corner(DIMENSIONS, formula) is None)
    bounds = price_bounds(DIMENSIONS, formula, MICROS)
    assert bounds is not None
    return Price("work", "Work", "image", formula, bounds, DIMENSIONS)


@given(formulas)
def test_a_sound_formula_is_never_negative(formula: Formula) -> None:
    a_price(formula)
    assert all(exact_cost(formula, values) >= 0 for values in every_value(least=0))


@given(formulas)
def test_a_formula_that_goes_below_zero_somewhere_is_found_out(formula: Formula) -> None:
    sums = [
        formula.base_micros
        + sum(table.amount(values[table.column]) for table in formula.surcharges)
        + sum(rate.cost(values) for rate in formula.rates)
        for values in every_value(least=0)
    ]
    if min(sums) < 0:
        assert negative_corner(DIMENSIONS, formula) is not None


@settings(max_examples=200)
@given(formulas)
def test_the_least_and_the_greatest_are_the_true_ones(formula: Formula) -> None:
    price = a_price(formula)
    costs = [use_cost(formula, values, MICROS) for values in every_value(least=1)]
    assert price.bounds.greatest_micros == max(costs)
    # A half second is not the very next number after a range's end, where the least may stand.
    assert price.bounds.least_micros <= min(costs)
    just_after = [Fraction(end) + Fraction(1, 10**20) for end in range(1, GREATEST)]
    near = [use_cost(formula, (c, s, t), MICROS) for c in CHOICES for s in range(1, GREATEST + 1) for t in just_after]
    assert price.bounds.least_micros == min(costs + near)


@settings(max_examples=200)
@given(formulas, params)
@example(
    Formula(10 * MICROS, multipliers=(RangeTable(1, (3,), (2, 1)), RangeTable(2, (4,), (Fraction(3, 2), 1)))),
    ("low", 8, 8),
)
def test_a_reservation_covers_all_params_with_every_number_at_or_below(
    formula: Formula, values: tuple[str, int, Number]
) -> None:
    price = a_price(formula)
    choice, steps, seconds = values
    below = [(choice, s, t) for s in range(steps + 1) for t in HALVES if t <= seconds]
    assert reservation_bound(price, values) == max(use_cost(formula, smaller, MICROS) for smaller in below)


@given(formulas, params)
def test_steps_add_up_to_the_cost(formula: Formula, values: tuple[Value, ...]) -> None:
    a_price(formula)
    steps = use_steps(DIMENSIONS, formula, values, MICROS)
    assert sum(step.amount for step in steps) == use_cost(formula, values, MICROS)
    assert all(type(step.amount) is int for step in steps)


def test_a_price_that_falls_is_reserved_at_its_dearest_smaller_value() -> None:
    book = a_book_with(
        """
        dimensions = [{ name = "words", type = "integer", minimum = 1, maximum = 1000, default = 100 }]
        [prices.formula]
        rates = [{ of = ["words"], tokens = 1 }]
        multipliers = [{ dimension = "words", ranges = [{ up_to = 100, times = 1 }, { times = 0.5 }] }]
        """
    )
    assert priced(book, {"words": 120}).cost == 60 * MICROS
    line = priced(book, {"words": 120}, purpose=Purpose.RESERVE, count=2)
    assert line.unit_cost == 100 * MICROS
    assert line.cost == sum(step.amount for step in line.steps) == 200 * MICROS
    assert (line.min_cost, line.max_cost) == (MICROS, 500 * MICROS)


def test_a_price_without_a_greatest_value_says_that_it_has_no_upper_bound() -> None:
    rate = a_book_with(
        """
        dimensions = [{ name = "words", type = "integer", minimum = 10, unbounded = true }]
        formula.rates = [{ of = ["words"], tokens = 1 }]
        """
    )
    bounds = rate.prices[0].bounds
    assert (bounds.first_micros, bounds.least_micros, bounds.greatest_micros) == (10 * MICROS, 10 * MICROS, None)
    ranges = a_book_with(
        """
        dimensions = [{ name = "words", type = "integer", minimum = 10, unbounded = true }]
        formula = { base = 4, surcharges = [{ dimension = "words", ranges = [{ up_to = 20, add = 0 }, { add = 3 }] }] }
        """
    )
    assert ranges.prices[0].bounds.greatest_micros == 7 * MICROS


def test_every_corner_of_a_price_is_counted() -> None:
    for price in a_shipped_book("ai-playground").prices:
        choices = prod(len(dimension.values) for dimension in price.dimensions if dimension.values)
        assert choices <= corner_count(price.dimensions, price.pricing) <= 3 * choices


def test_a_discount_is_judged_down_to_zero_because_work_may_run_below_the_minimum() -> None:
    discount = ChoiceTable(0, {"low": -MICROS, "high": 0})
    formula = Formula(0, surcharges=(discount,), rates=(Rate((1,), MICROS, 1, 0),))
    assert exact_cost(formula, ("low", 1, 1)) == 0
    assert negative_corner(DIMENSIONS, formula) == ("low", 0, 0)
