"""Prices of every type, made up: small enough that all that they can cost can be counted out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context
from fractions import Fraction
from itertools import product

from hypothesis import assume
from hypothesis import strategies as st

from rules.pricing.bounds import negative_corner, price_bounds
from rules.pricing.combinations import Exclusion
from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import SMALLEST_STEP, Number, simplest
from rules.pricing.formulas import ChoiceTable, Flat, Formula, Matrix, Metered, Pricing, RangeTable, Rate, Table
from rules.pricing.meters import Meter
from rules.pricing.price_book import Price
from rules.pricing.tokens import MICROS

CHOICES = ("low", "high")
GREATEST = 6

DIMENSIONS = (
    Dimension("quality", DimensionType.CHOICE, None, CHOICES, "low"),
    Dimension("hd", DimensionType.BOOLEAN, None, ("true", "false"), "false"),
    Dimension("steps", DimensionType.INTEGER, None, (), 2, 1, GREATEST),
    Dimension("seconds", DimensionType.NUMBER, None, (), 2, 1, GREATEST),
)
QUALITY, HD, STEPS, SECONDS = range(4)

SECONDS_TRIED: tuple[Number, ...] = tuple(
    sorted(
        {simplest(Fraction(number, 2)) for number in range(2 * GREATEST + 1)}
        | {end + SMALLEST_STEP for end in range(GREATEST)}
    )
)
"""Ends of ranges and tiers fall on whole seconds: these stand on every end, right above it, and well inside."""

AMOUNTS: list[Number] = [0, 1, 80_000, MICROS, 3 * MICROS, Fraction(MICROS, 3)]
amounts: st.SearchStrategy[Number] = st.sampled_from(AMOUNTS)
FACTORS: list[Number] = [Fraction(1, 3), Fraction(1, 2), 1, Fraction(7, 5), 3]
factors: st.SearchStrategy[Number] = st.sampled_from(FACTORS)
surcharges: st.SearchStrategy[Number] = st.integers(-3, 5).map(lambda tokens: tokens * MICROS)
ends = st.lists(st.integers(1, GREATEST - 1), max_size=3, unique=True).map(lambda found: tuple(sorted(found)))


def one_for_each(values: st.SearchStrategy[Number], ends: Sequence[Number]) -> st.SearchStrategy[tuple[Number, ...]]:
    """An amount for every range or tier between these ends."""
    return st.lists(values, min_size=len(ends) + 1, max_size=len(ends) + 1).map(tuple)


@st.composite
def tables(draw: st.DrawFn, values: st.SearchStrategy[Number]) -> Table:
    column = draw(st.sampled_from([QUALITY, HD, STEPS, SECONDS]))
    if column in (QUALITY, HD):
        return ChoiceTable(column, {value: draw(values) for value in DIMENSIONS[column].values})
    found = draw(ends)
    return RangeTable(column, found, draw(one_for_each(values, found)))


@st.composite
def meters(draw: st.DrawFn) -> Meter:
    found = draw(ends)
    return Meter(
        column=draw(st.sampled_from([STEPS, SECONDS])),
        rates=draw(one_for_each(amounts, found)),
        ends=found,
        fixed=tuple(draw(st.sampled_from([0, 0, MICROS, 5 * MICROS])) for _ in range(len(found) + 1)),
        volume=draw(st.booleans()),
        included=draw(st.sampled_from([0, 0, 1, 2])),
    )


flats = st.integers(0, 5 * MICROS).map(Flat)
columns = st.tuples(st.sampled_from(CHOICES), st.sampled_from(("true", "false")))
cells: st.SearchStrategy[dict[tuple[str | Number, ...], int]] = st.dictionaries(columns, st.integers(0, MICROS))
matrices = cells.filter(bool).map(lambda found: Matrix((QUALITY, HD), found))
rates = st.builds(
    Rate,
    columns=st.sampled_from([(STEPS,), (SECONDS,), (STEPS, SECONDS)]),
    amount=amounts,
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
    minimum_charge_micros=st.sampled_from([0, 0, 4 * MICROS]),
)
metered = st.builds(
    Metered,
    base_micros=st.sampled_from([0, 2 * MICROS]),
    meters=st.lists(meters(), min_size=1, max_size=3).map(tuple),
    multipliers=st.lists(tables(factors), max_size=2).map(tuple),
    minimum_charge_micros=st.sampled_from([0, 0, 4 * MICROS]),
)
pricings: st.SearchStrategy[Pricing] = st.one_of(flats, matrices, formulas, metered)
exclusions = st.lists(
    st.one_of(
        st.sampled_from(CHOICES).map(lambda value: Exclusion(((QUALITY, (value,)), (HD, ("true",))))),
        st.just(Exclusion(((HD, ("false",)),))),
    ),
    max_size=2,
).map(tuple)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """A sound price of any type, rounding per line or per hold."""
    pricing = draw(pricings)
    assume(not isinstance(pricing, Formula) or negative_corner(DIMENSIONS, pricing) is None)
    excluded = draw(exclusions) if not isinstance(pricing, Matrix) else ()
    at_end = draw(st.booleans())
    unit = draw(st.sampled_from([MICROS, MICROS // 4, 1]))
    bounds = price_bounds(DIMENSIONS, pricing, 1 if at_end else unit, excluded)
    assume(bounds is not None)
    assert bounds is not None
    return Price(
        model="work",
        name="Work",
        category="image",
        pricing=pricing,
        bounds=bounds,
        dimensions=DIMENSIONS,
        rounding_unit_micros=unit,
        rounds_at_end=at_end,
        exclusions=excluded,
    )


def every_value(least: int = 1) -> Iterator[tuple[Value, ...]]:
    """Every choice with every whole number of steps and every time tried, from the least on."""
    seconds = [number for number in SECONDS_TRIED if number >= least]
    return product(CHOICES, ("true", "false"), range(least, GREATEST + 1), seconds)


def params_of(values: tuple[Value, ...]) -> dict[str, object]:
    """As a caller sends them."""
    quality, hd, steps, seconds = values
    return {"quality": quality, "hd": hd == "true", "steps": steps, "seconds": as_sent(seconds)}


def as_sent(number: Value) -> object:
    """An exact number as a decimal, of which callers and rows know nothing finer."""
    if isinstance(number, str):
        return number
    return Context(prec=40).divide(number.numerator, number.denominator)
