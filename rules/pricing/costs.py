"""Costs: what one use costs, exactly, and the steps that lead there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules.pricing.dimensions import Dimension, Value, value_text
from rules.pricing.exact_numbers import Number, number_text
from rules.pricing.formulas import Flat, Formula, Matrix, Metered, Pricing

TIMES = " \N{MULTIPLICATION SIGN} "


@dataclass(frozen=True, slots=True)
class CostStep:
    """One step of a cost, in micro-tokens; the steps of a line add up to its cost."""

    label: str
    amount: int


class NotAllowed(ValueError):
    """The combination of choices has no price."""


def use_cost(pricing: Pricing, values: tuple[Value, ...], rounding_unit_micros: int) -> int:
    """What one use costs at these values, in micro-tokens, rounded up to the unit. Raises NotAllowed."""
    return round_up(exact_cost(pricing, values), rounding_unit_micros)


def exact_cost(pricing: Pricing, values: tuple[Value, ...]) -> Number:
    """What one use costs before rounding, in micro-tokens and parts of them. Raises NotAllowed."""
    match pricing:
        case Flat(amount_micros):
            return amount_micros
        case Matrix(columns, cells):
            amount = cells.get(tuple([values[column] for column in columns]))
            if amount is None:
                raise NotAllowed
            return amount
        case Formula() | Metered():
            cost = sum_before_multipliers(pricing, values)
            for table in pricing.multipliers:
                cost = cost * table.amount(values[table.column])
            return max(cost, pricing.minimum_charge_micros)


def sum_before_multipliers(pricing: Formula | Metered, values: tuple[Value, ...]) -> Number:
    """The base with all surcharges, rates and meters, in micro-tokens and parts of them."""
    cost: Number = pricing.base_micros
    if isinstance(pricing, Metered):
        for meter in pricing.meters:
            cost = cost + meter.cost(values[meter.column])
        return cost
    for table in pricing.surcharges:
        cost = cost + table.amount(values[table.column])
    for rate in pricing.rates:
        cost = cost + rate.cost(values)
    return cost


def round_up(cost: Number, unit_micros: int) -> int:
    """The cost rounded up to whole units, in micro-tokens."""
    return -(-cost // unit_micros) * unit_micros


def use_steps(
    dimensions: Sequence[Dimension], pricing: Pricing, values: tuple[Value, ...], rounding_unit_micros: int
) -> tuple[CostStep, ...]:
    """The steps of one use's cost; their amounts add up to use_cost. Raises NotAllowed."""
    steps = _Steps(dimensions, values)
    match pricing:
        case Flat(amount_micros):
            steps.add(amount_micros)
            steps.show("price", keep=True)
        case Matrix(columns):
            steps.add(exact_cost(pricing, values))
            steps.show(", ".join(steps.label(column) for column in columns), keep=True)
        case Formula():
            _formula_steps(pricing, values, steps)
            _closing_steps(pricing, values, steps)
        case Metered():
            _metered_steps(pricing, values, steps)
            _closing_steps(pricing, values, steps)
    steps.round_up(rounding_unit_micros)
    return tuple(steps.steps)


def _formula_steps(formula: Formula, values: tuple[Value, ...], steps: _Steps) -> None:
    steps.add(formula.base_micros)
    steps.show("base", keep=True)
    for table in formula.surcharges:
        if amount := table.amount(values[table.column]):
            steps.add(amount)
            steps.show(steps.label(table.column))
    for rate in formula.rates:
        if amount := rate.cost(values):
            steps.add(amount)
            steps.show(TIMES.join([steps.label(column) for column in rate.columns]))


def _metered_steps(metered: Metered, values: tuple[Value, ...], steps: _Steps) -> None:
    if metered.base_micros:
        steps.add(metered.base_micros)
        steps.show("base")
    for meter in metered.meters:
        steps.add(meter.cost(values[meter.column]))
        steps.show(steps.label(meter.column), keep=True)


def _closing_steps(pricing: Formula | Metered, values: tuple[Value, ...], steps: _Steps) -> None:
    for table in pricing.multipliers:
        times = table.amount(values[table.column])
        if times != 1:
            steps.multiply(times)
            steps.show(f"{steps.label(table.column)}{TIMES}{number_text(times)}")
    if pricing.minimum_charge_micros:
        steps.raise_to(pricing.minimum_charge_micros)
        steps.show("minimum charge")


class _Steps:
    """Steps as differences of a running cost, each cut to whole micro-tokens: no part of one is lost or told twice.

    The running cost is `over` / `under`: whole numbers multiply quicker than fractions. All additions come before
    `multiply`.
    """

    __slots__ = ("dimensions", "over", "shown", "steps", "under", "values")

    def __init__(self, dimensions: Sequence[Dimension], values: tuple[Value, ...]) -> None:
        self.dimensions = dimensions
        self.values = values
        self.steps: list[CostStep] = []
        self.over: Number = 0
        self.under = 1
        self.shown = 0

    def label(self, column: int) -> str:
        return f"{self.dimensions[column].name} {value_text(self.values[column])}"

    def add(self, amount: Number) -> None:
        assert self.under == 1
        self.over = self.over + amount

    def multiply(self, times: Number) -> None:
        self.over = self.over * times.numerator
        self.under *= times.denominator

    def raise_to(self, least: int) -> None:
        self.over = max(self.over, least * self.under)

    def show(self, label: str, *, keep: bool = False) -> None:
        """Records the step since the last one shown; one that changes nothing is left out unless kept."""
        self._record(label, self.over // self.under, keep=keep)

    def round_up(self, unit_micros: int) -> None:
        """Records the step to whole rounding units."""
        self._record("rounding", -(-self.over // (self.under * unit_micros)) * unit_micros, keep=False)

    def _record(self, label: str, reached: int, *, keep: bool) -> None:
        if reached != self.shown or keep:
            self.steps.append(CostStep(label, reached - self.shown))
            self.shown = reached
