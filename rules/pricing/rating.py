"""Rating: lines of work priced by a book, or the first refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rules.pricing.bounds import reservation_bound
from rules.pricing.combinations import combination_text, excluded_columns
from rules.pricing.costs import CostStep, NotAllowed, round_up, use_steps
from rules.pricing.dimensions import ParamFault, Value, canonical_values, printable, value_text
from rules.pricing.formulas import Matrix, PricingType, falling_columns
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.suggestions import suggest_models
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS

MAX_LINES = 100
MAX_COUNT = 1_000_000
MAX_REF_CHARACTERS = 255


class Purpose(Enum):
    """What lines are priced for: which checks apply, and whether the cost or its upper bound is asked."""

    ESTIMATE = "ESTIMATE"
    RESERVE = "RESERVE"
    ACTUAL = "ACTUAL"


@dataclass(frozen=True, slots=True)
class LineRequest:
    """`count` uses of a model with these params, as the caller sent them; `ref` is the caller's own name for it."""

    model: str
    params: Mapping[str, object] = field(default_factory=dict)
    count: int = 1
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its price, in micro-tokens.

    `params` are canonical, in the order of the price's dimensions, defaults filled in. `cost` is `count` times
    `unit_cost`, which for a reservation is the upper bound of one use; `min_cost` and `max_cost` (None: no upper
    bound) are of one use over all allowed params. `at_fallback`: the model was not in the book but in the fallback.
    """

    ref: str | None
    model: str
    category: str
    tier: str | None
    params: tuple[tuple[str, str], ...]
    count: int
    unit_cost: int
    cost: int
    min_cost: int
    max_cost: int | None
    pricing_type: PricingType
    rounds_at_end: bool
    steps: tuple[CostStep, ...]
    at_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Priced:
    """All lines priced, in micro-tokens: `total` is their sum with `rounding`, which the end of a hold may add.

    `rounding_unit` is what the lines that round at the end are rounded up to, together; 0 where there are none.
    """

    lines: tuple[PricedLine, ...]
    total: int
    rounding: int
    rounding_unit: int = 0


PricingRefusal = UnknownModel | InvalidParams | InvalidInput


def price_lines(
    book: PriceBook, lines: Sequence[LineRequest], *, purpose: Purpose, fallback: PriceBook | None = None
) -> Priced | PricingRefusal:
    """Prices 1 to 100 lines by a book; a model that it lacks is priced by the fallback, where one is given.

    ESTIMATE and RESERVE check types and bounds, ACTUAL types only; RESERVE gives the upper bound that has to be set
    aside (see bounds.reservation_bound). Refusals come in the API's order: InvalidInput of any line, then
    UnknownModel, then InvalidParams, last InvalidInput where the cost is beyond what an amount can hold.
    """
    invalid = _invalid_input(lines)
    if invalid is not None:
        return invalid
    found: list[Price] = []
    for line in lines:
        price = book.price(line.model) or (fallback.price(line.model) if fallback else None)
        if price is None:
            return UnknownModel(printable(line.model), suggest_models(book, line.model))
        found.append(price)
    priced: list[PricedLine] = []
    total = 0
    for line, price in zip(lines, found, strict=True):
        at_fallback = fallback is not None and book.price(line.model) is None
        answer = _price_line(price, line, purpose, at_fallback)
        if isinstance(answer, InvalidParams):
            return answer
        priced.append(answer)
        total += answer.cost
    unit, rounding = _rounding_at_end(found, priced)
    total += rounding
    if total > MAX_MICROS:
        return _too_expensive(priced)
    return Priced(tuple(priced), total, rounding, unit)


def price_values(price: Price, values: tuple[Value, ...], count: int, purpose: Purpose) -> int | InvalidParams:
    """What price_lines comes to for one line of these canonical values, in micro-tokens: its total, of any size."""
    unit_cost = _unit_cost(price, values, purpose)
    if isinstance(unit_cost, InvalidParams):
        return unit_cost
    cost = unit_cost[0] * count
    return round_up(cost, price.rounding_unit_micros) if price.rounds_at_end else cost


def _rounding_at_end(prices: Sequence[Price], lines: Sequence[PricedLine]) -> tuple[int, int]:
    """What the lines that round at the end are rounded up to, the widest of their units, and what that adds."""
    unit = max([price.rounding_unit_micros for price in prices if price.rounds_at_end], default=0)
    metered = sum([line.cost for line in lines if line.rounds_at_end])
    return unit, -metered % unit if unit else 0


def _invalid_input(lines: Sequence[LineRequest]) -> InvalidInput | None:
    if not 1 <= len(lines) <= MAX_LINES:
        return InvalidInput("lines", f"Give between 1 and {MAX_LINES} lines, not {len(lines)}.")
    for index, line in enumerate(lines):
        if type(line.count) is not int or not 1 <= line.count <= MAX_COUNT:
            return InvalidInput(f"lines[{index}].count", f"count must be a whole number between 1 and {MAX_COUNT}.")
        if line.ref is not None and not _storable(line.ref):
            message = (
                f"ref must have at most {MAX_REF_CHARACTERS} characters, none of them NUL or half a surrogate pair."
            )
            return InvalidInput(f"lines[{index}].ref", message)
    return None


def _storable(text: str) -> bool:
    if len(text) > MAX_REF_CHARACTERS:
        return False
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text)


def _price_line(price: Price, line: LineRequest, purpose: Purpose, at_fallback: bool) -> PricedLine | InvalidParams:
    values = canonical_values(price.dimensions, line.params, within_bounds=purpose is not Purpose.ACTUAL)
    if isinstance(values, ParamFault):
        return InvalidParams(price.model, values.param, values.message)
    answer = _unit_cost(price, values, purpose)
    if isinstance(answer, InvalidParams):
        return answer
    unit_cost, steps = answer
    cost = unit_cost * line.count
    if line.count > 1:
        steps = (*steps, CostStep(f"{line.count} uses", cost - unit_cost))
    bounds = price.bounds
    return PricedLine(
        ref=line.ref,
        model=price.model,
        category=price.category,
        tier=price.tier,
        params=tuple(
            [(dimension.name, value_text(value)) for dimension, value in zip(price.dimensions, values, strict=True)]
        ),
        count=line.count,
        unit_cost=unit_cost,
        cost=cost,
        min_cost=bounds.least_micros,
        max_cost=bounds.greatest_micros,
        pricing_type=price.pricing_type,
        rounds_at_end=price.rounds_at_end,
        steps=steps,
        at_fallback=at_fallback,
    )


def _unit_cost(
    price: Price, values: tuple[Value, ...], purpose: Purpose
) -> tuple[int, tuple[CostStep, ...]] | InvalidParams:
    """The cost or bound of one use with its steps, or why its combination of choices has none.

    Work that has run in a combination that is not offered has a price all the same, unless a matrix lacks it.
    """
    if price.exclusions and purpose is not Purpose.ACTUAL:
        columns = excluded_columns(price.exclusions, values)
        if columns:
            return _not_offered(price, columns, values)
    try:
        steps = use_steps(price.dimensions, price.pricing, values, price.use_unit_micros)
    except NotAllowed:
        assert isinstance(price.pricing, Matrix)
        return _not_offered(price, price.pricing.columns, values)
    cost = sum([step.amount for step in steps])
    # Only where a greater number may cost less can a smaller one cost more than these values do.
    if purpose is Purpose.RESERVE and falling_columns(price.pricing):
        bound = reservation_bound(price, values)
        if bound > cost:
            return bound, (*steps, CostStep("upper bound, which a smaller value reaches", bound - cost))
    return cost, steps


def _not_offered(price: Price, columns: Sequence[int], values: tuple[Value, ...]) -> InvalidParams:
    combination = combination_text(price.dimensions, columns, values)
    culprit = price.dimensions[columns[-1]].name
    return InvalidParams(price.model, culprit, f"The combination {combination} is not offered.")


def _too_expensive(priced: Sequence[PricedLine]) -> InvalidInput:
    limit = f"more than the greatest amount, {MAX_TOKENS} tokens"
    for index, line in enumerate(priced):
        if line.cost > MAX_MICROS:
            return InvalidInput(f"lines[{index}]", f"The line costs {limit}.")
    return InvalidInput("lines", f"Together the lines cost {limit}.")
