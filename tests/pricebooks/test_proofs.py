"""What every price of every shipped book promises, searched for apart from the code that computes it.

The values tried are those that the book itself mentions, one above each, the ends of every dimension, and some by
chance. Where all combinations of them are few enough every one is tried, else some by chance, and always those of the
ends: what is computed must be exactly what was found.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import chain, islice, product
from math import floor, prod

import pytest

from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import SMALLEST_STEP, Number, simplest
from rules.pricing.monotony import monotone_dimensions
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidParams
from rules.pricing.toml import read_price_book
from tests.rules.pricing.books import PRICE_BOOKS
from tests.rules.pricing.prices import as_sent

TRIES_MAX = 3_000
BY_CHANCE = 3

SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(PRICE_BOOKS.glob("*.toml"))}


@dataclass(frozen=True)
class Subject:
    book: PriceBook
    price: Price
    tried: tuple[tuple[Value, ...], ...]
    """The values of each dimension that are tried, numbers ascending."""

    @property
    def exhaustive(self) -> bool:
        return prod(map(len, self.tried)) <= TRIES_MAX

    def combinations(self) -> Iterator[tuple[Value, ...]]:
        if self.exhaustive:
            return product(*self.tried)
        chance = random.Random(self.price.model)
        return (tuple(chance.choice(values) for values in self.tried) for _ in range(TRIES_MAX // 2))

    def cost(self, values: tuple[Value, ...], purpose: Purpose = Purpose.ESTIMATE) -> int | None:
        """Of one use; None where the combination is not offered."""
        params = {
            dimension.name: value == "true" if dimension.type is DimensionType.BOOLEAN else as_sent(value)
            for dimension, value in zip(self.price.dimensions, values, strict=True)
        }
        answer = price_lines(self.book, [LineRequest(self.price.model, params)], purpose=purpose)
        if isinstance(answer, InvalidParams):
            assert "is not offered" in answer.message
            return None
        assert isinstance(answer, Priced), answer
        (line,) = answer.lines
        assert sum(step.amount for step in line.steps) == line.cost >= 0
        return line.cost


def subjects() -> Iterator[Subject]:
    for source in SOURCES.values():
        book = read_price_book(source)
        assert isinstance(book, PriceBook), book
        tables = tomllib.loads(source, parse_float=Decimal)["prices"]
        for price, table in zip(book.prices, tables, strict=True):
            mentioned = sorted(set(numbers_in(table)))
            tried = tuple(values_tried(dimension, mentioned, price.model) for dimension in price.dimensions)
            yield Subject(book, price, tried)


def numbers_in(table: object) -> Iterator[Number]:
    """All numbers of a price, those in keys included, and what an `up_to` comes to above included units."""
    match table:
        case dict():
            for key, value in table.items():
                yield from numbers_in(value)
                if key.isdigit():
                    yield int(key)
            included = table.get("included", 0)
            for tier in (*table.get("graduated", ()), *table.get("volume", ())):
                yield simplest(Fraction(tier.get("up_to", 0)) + Fraction(included))
        case list():
            for value in table:
                yield from numbers_in(value)
        case int() | Decimal() if not isinstance(table, bool):
            yield simplest(Fraction(table))


def values_tried(dimension: Dimension, mentioned: list[Number], seed: str) -> tuple[Value, ...]:
    if dimension.values:
        return dimension.values
    least = dimension.minimum or 0
    most = dimension.maximum if dimension.maximum is not None else max(10**6, *mentioned)
    chance = random.Random(seed + dimension.name)
    found = {least, most, *(chance.randint(floor(least), floor(most)) for _ in range(BY_CHANCE))}
    for number in mentioned:
        step = SMALLEST_STEP if dimension.type is DimensionType.NUMBER else 1
        found |= {number, number + step}
    whole = dimension.type is DimensionType.INTEGER
    return tuple(sorted(simplest(n) for n in found if least <= n <= most and not (whole and n != floor(n))))


SUBJECTS = [pytest.param(subject, id=f"{subject.book.slug}:{subject.price.model}") for subject in subjects()]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_least_and_the_greatest_are_the_true_ones(subject: Subject) -> None:
    ends = product(*({tried[0], tried[-1]} if numeric else tried for tried, numeric in numbered(subject)))
    tried = chain(subject.combinations(), islice(ends, TRIES_MAX))
    costs = [cost for values in tried if (cost := subject.cost(values)) is not None]
    assert subject.price.bounds.least_micros == min(costs)
    greatest = subject.price.bounds.greatest_micros
    assert greatest == max(costs) or (greatest is None and has_no_end(subject))


def has_no_end(subject: Subject) -> bool:
    return any(dimension.numeric and dimension.maximum is None for dimension in subject.price.dimensions)


def numbered(subject: Subject) -> Iterator[tuple[tuple[Value, ...], bool]]:
    return zip(subject.tried, (dimension.numeric for dimension in subject.price.dimensions), strict=True)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_hold_has_the_greatest_cost_of_all_params_with_every_number_at_or_below(subject: Subject) -> None:
    chance = random.Random(subject.price.model)
    for _ in range(5 if subject.price.dimensions else 1):
        values = tuple(chance.choice(tried) for tried in subject.tried)
        below = [below_it(subject, column, value) for column, value in enumerate(values)]
        few = prod(map(len, below)) <= TRIES_MAX
        smaller = product(*below) if few else (tuple(map(chance.choice, below)) for _ in range(TRIES_MAX // 5))
        held_for_all(subject, values, smaller, exact=few)
    for column, (tried, numeric) in enumerate(numbered(subject)):
        for value in tried if numeric else ():
            # Every number that is tried once, held against all those below it beside the least and the same of others.
            others = [chance.choice(found) for found in subject.tried]
            values = (*others[:column], value, *others[column + 1 :])
            below = [below_it(subject, other, value) for other, value in enumerate(values)]
            ends = [found if other == column else [found[0], found[-1]] for other, found in enumerate(below)]
            held_for_all(subject, values, product(*ends), exact=False)


def below_it(subject: Subject, column: int, value: Value) -> list[Value]:
    """What the value of a dimension may come to when it is used: of a number any at or below it, of a choice it."""
    if not subject.price.dimensions[column].numeric:
        return [value]
    return [0, *(number for number in subject.tried[column] if as_number(number) <= as_number(value))]


def as_number(value: Value) -> Number:
    assert not isinstance(value, str)
    return value


def held_for_all(
    subject: Subject, values: tuple[Value, ...], smaller: Iterable[tuple[Value, ...]], *, exact: bool
) -> None:
    held = subject.cost(values, Purpose.RESERVE)
    if held is None:
        return
    used = [cost for other in smaller if (cost := subject.cost(other, Purpose.ACTUAL)) is not None]
    assert held == max(used) if exact else held >= max(used)


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if subject.values[0].price.dimensions])
def test_raising_a_monotone_dimension_never_lowers_the_cost(subject: Subject) -> None:
    monotone = monotone_dimensions(subject.price)
    fallen = set()
    for values in subject.combinations():
        cost = subject.cost(values)
        for column, (tried, numeric) in enumerate(numbered(subject)):
            if not numeric or cost is None:
                continue
            more = next((number for number in tried if number > values[column]), values[column])
            dearer = subject.cost((*values[:column], more, *values[column + 1 :]))
            assert dearer is not None
            if dearer < cost:
                fallen.add(subject.price.dimensions[column].name)
    assert not fallen & set(monotone)
