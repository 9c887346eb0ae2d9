"""How a cost comes about: the small algebra of pricing types.

A formula is (base + surcharges + rates) times multipliers, at least its minimum charge; metered pricing has meters in
place of surcharges and rates. Their only steps up or down are at the ends of ranges and tiers; between them a greater
number never costs less. That is what makes their bounds provable (see bounds).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rules.pricing.dimensions import Value
from rules.pricing.exact_numbers import Number
from rules.pricing.meters import Meter


class PricingType(Enum):
    """The kinds of pricing, named as in the API."""

    FLAT = "FLAT"
    MATRIX = "MATRIX"
    FORMULA = "FORMULA"
    METERED = "METERED"
    COMPOSITE = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Flat:
    """Every use costs the same, in micro-tokens."""

    amount_micros: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table over choices: what each allowed combination costs, in micro-tokens; an absent combination is not allowed.

    `columns` are the positions of its dimensions among the price's dimensions, in the order of the keys of `cells`.
    """

    columns: tuple[int, ...]
    cells: Mapping[tuple[Value, ...], int]


@dataclass(frozen=True, slots=True)
class ChoiceTable:
    """An amount for each choice of the dimension at position `column`."""

    column: int
    amounts: Mapping[Value, Number]

    def amount(self, value: Value) -> Number:
        """The choice's amount."""
        return self.amounts[value]


@dataclass(frozen=True, slots=True)
class RangeTable:
    """An amount for each range of the numeric dimension at position `column`.

    Range i ends at `ends[i]` inclusive; the last one has no end. `amounts` has one member more than `ends`, which
    ascend.
    """

    column: int
    ends: tuple[Number, ...]
    amounts: tuple[Number, ...]

    def amount(self, value: Value) -> Number:
        """The amount of the range that the number falls in."""
        assert not isinstance(value, str)
        return self.amounts[bisect_left(self.ends, value)]

    @property
    def rises(self) -> bool:
        """Whether no range has a smaller amount than the one before it."""
        return all(before <= after for before, after in zip(self.amounts, self.amounts[1:], strict=False))


Table = ChoiceTable | RangeTable


@dataclass(frozen=True, slots=True)
class Rate:
    """So many micro-tokens for each unit of a product of numeric dimensions, beyond the included units.

    `amount` is for one unit; with `started` every started `per` units count in full (amount still for one unit).
    """

    columns: tuple[int, ...]
    amount: Number
    per: Number
    included: Number
    started: bool = False

    def cost(self, values: tuple[Value, ...]) -> Number:
        """What the units cost, in micro-tokens and parts of them."""
        units: Number = 1
        for column in self.columns:
            value = values[column]
            assert not isinstance(value, str)
            units = units * value
        if units <= self.included:
            return 0
        units = units - self.included
        if self.started:
            units = -(-units // self.per) * self.per
        return units * self.amount


@dataclass(frozen=True, slots=True)
class Formula:
    """(base + surcharges + rates) times multipliers, at least the minimum charge; amounts in micro-tokens."""

    base_micros: int
    surcharges: tuple[Table, ...] = ()
    rates: tuple[Rate, ...] = ()
    multipliers: tuple[Table, ...] = ()
    minimum_charge_micros: int = 0
    falling_columns: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Finds the dimensions of which a greater number may cost less: a range is cheaper than the one before."""
        tables = (*self.surcharges, *self.multipliers)
        columns = {table.column for table in tables if isinstance(table, RangeTable) and not table.rises}
        object.__setattr__(self, "falling_columns", tuple(sorted(columns)))


@dataclass(frozen=True, slots=True)
class Metered:
    """(base + meters) times multipliers, at least the minimum charge; amounts in micro-tokens.

    One meter makes it metered in the API's words, several make it composite.
    """

    base_micros: int
    meters: tuple[Meter, ...]
    multipliers: tuple[Table, ...] = ()
    minimum_charge_micros: int = 0
    falling_columns: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Finds the dimensions of which a greater number may cost less: a range or volume tier is cheaper."""
        columns = {table.column for table in self.multipliers if isinstance(table, RangeTable) and not table.rises}
        columns |= {meter.column for meter in self.meters if any(rise < 0 for _, rise in meter.jumps())}
        object.__setattr__(self, "falling_columns", tuple(sorted(columns)))


Pricing = Flat | Matrix | Formula | Metered


def pricing_type(pricing: Pricing) -> PricingType:
    """The pricing's type as the API names it."""
    match pricing:
        case Flat():
            return PricingType.FLAT
        case Matrix():
            return PricingType.MATRIX
        case Formula():
            return PricingType.FORMULA
        case Metered(meters=meters):
            return PricingType.METERED if len(meters) == 1 else PricingType.COMPOSITE


def falling_columns(pricing: Pricing) -> tuple[int, ...]:
    """The dimensions of which a greater number may cost less; of all others it never does."""
    match pricing:
        case Flat() | Matrix():
            return ()
        case Formula() | Metered():
            return pricing.falling_columns
