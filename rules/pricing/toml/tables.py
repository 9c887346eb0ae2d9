"""Surcharges and multipliers as a price book writes them: by choice, by single numbers or by ranges."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.exact_numbers import SMALLEST_STEP, Number, NumberOutOfForm, exact_number, number_text, simplest
from rules.pricing.formulas import ChoiceTable, RangeTable, Table
from rules.pricing.toml.dimensions import DimensionIndex
from rules.pricing.toml.sections import Section, is_mistyped

MAX_TERMS = 50
"""Surcharges, rates or multipliers of one price, and ranges of one of them."""


def read_table(section: Section, index: DimensionIndex, key: str) -> Table | None:
    """A surcharge (`add`) or multiplier (`times`) by the choices, values or ranges of one dimension."""
    dimension = index.find(section, "dimension", section.required("dimension", '"quality"'))
    column = index.columns.get(dimension.name, 0) if dimension else 0
    by = section.section("by")
    ranges = section.sections("ranges", limit=MAX_TERMS)
    if section.has("by") == section.has("ranges") and not (section.lost("by") or section.lost("ranges")):
        section.fault(None, f"needs either by = {{ … }} or ranges = [{{ up_to = 5, {key} = 1 }}, {{ {key} = 2 }}]")
    section.finish()
    if dimension is None:
        _read_amounts_alone(by, ranges, key)
        return None
    if by is not None:
        return (
            _read_numbers(by, dimension, column, key)
            if dimension.numeric
            else _read_choices(by, dimension, column, key)
        )
    if not ranges:
        if section.has("ranges") and section.sound_at("ranges"):
            section.fault("ranges", f"is empty; write ranges such as [{{ up_to = 5, {key} = 1 }}, {{ {key} = 2 }}]")
        return None
    if not dimension.numeric:
        section.fault("ranges", f'need a number, and "{dimension.name}" is a choice; use by = {{ … }}')
        return None
    return _read_ranges(ranges, dimension, column, key)


def _read_amounts_alone(by: Section | None, ranges: Sequence[Section], key: str) -> None:
    """What can be told of a table without the dimension that it stands on."""
    if by is not None:
        for name in by.table:
            _read_amount(by, name, key)
    for member in ranges:
        member.number("up_to", like="5")
        _read_amount(member, key, key)
        member.finish()


def _read_amount(section: Section, name: str, key: str) -> Number:
    """An amount to add in micro-tokens, or a factor above 0."""
    if key == "add":
        return section.amount(name, negative=True)
    number = section.number(name, like="1.5")
    if number is None:
        if not section.has(name):
            section.fault(name, f"is missing: add {name} = a factor such as 1.5")
        return 1
    if number == 0:
        section.fault(
            name, "must be more than 0: a factor of 0 would give the work away; leave the choice out or use a surcharge"
        )
    return number


def _read_choices(by: Section, dimension: Dimension, column: int, key: str) -> Table:
    amounts: dict[Value, Number] = {}
    neutral = "0 if it costs nothing more" if key == "add" else "1 if it changes nothing"
    others = other_choices(by, dimension)
    for value in dimension.values:
        if by.has(value):
            amounts[value] = _read_amount(by, value, key)
        elif not is_mistyped(value, others):
            message = f'has no amount for the choice "{value}" of {dimension.name}: add "{value}" = …, {neutral}'
            by.fault(None, message)
    refuse_choices(by, dimension, others)
    return ChoiceTable(column, amounts)


def _read_numbers(by: Section, dimension: Dimension, column: int, key: str) -> Table | None:
    """Amounts at single numbers, as ranges that hold one number each; the numbers between stay as they are."""
    neutral: Number = 0 if key == "add" else 1
    step: Number = 1 if dimension.type is DimensionType.INTEGER else SMALLEST_STEP
    amounts: dict[Number, Number] = {}
    for text in by.table:
        number = _number_key(by, text, dimension)
        amount = _read_amount(by, text, key)
        if number is not None:
            amounts[number] = amount
    table: list[tuple[Number, Number]] = []
    for number in sorted(amounts):
        if number > 0 and (not table or table[-1][0] < number - step):
            table.append((simplest(number - step), neutral))
        table.append((number, amounts[number]))
    return RangeTable(column, tuple(end for end, _ in table), (*(amount for _, amount in table), neutral))


def _number_key(by: Section, text: str, dimension: Dimension) -> Number | None:
    try:
        number = exact_number(Decimal(text))
    except (InvalidOperation, NumberOutOfForm):
        by.fault(text, f"must be a number, because {dimension.name} is one")
        return None
    fits = dimension.minimum is not None and number >= dimension.minimum
    fits = fits and (dimension.maximum is None or number <= dimension.maximum)
    if not fits or (dimension.type is DimensionType.INTEGER and not isinstance(number, int)):
        by.fault(text, f"is not a value that {dimension.name} can take; mend it or the dimension's bounds")
        return None
    return number


def _read_ranges(ranges: Sequence[Section], dimension: Dimension, column: int, key: str) -> Table | None:
    ends: list[Number] = []
    amounts: list[Number] = []
    last = len(ranges) - 1
    for position, section in enumerate(ranges):
        end = section.number("up_to", like="5")
        amounts.append(_read_amount(section, key, key))
        section.finish()
        if not section.has("up_to"):
            if position < last and not section.lost("up_to"):
                section.fault("up_to", "is missing: only the last range may go without, because it has no end")
        elif end is not None and _end_fits(section, dimension, end, ends, position == last):
            ends.append(end)
    if len(ends) != last:
        # A fault was recorded, or the last range ends at the maximum, beyond which it goes on for work that has run.
        ends = ends[:last]
    return RangeTable(column, tuple(ends), tuple(amounts)) if ranges and len(ends) == last else None


def _end_fits(section: Section, dimension: Dimension, end: Number, ends: Sequence[Number], is_last: bool) -> bool:
    maximum = dimension.maximum
    if dimension.type is DimensionType.INTEGER and not isinstance(end, int):
        section.fault("up_to", f"must be a whole number, because {dimension.name} is one")
    elif ends and end <= ends[-1]:
        section.fault("up_to", f"must be above the range before it, which ends at {number_text(ends[-1])}")
    elif dimension.minimum is not None and end < dimension.minimum:
        section.fault("up_to", f"is below the minimum of {dimension.name}, so this range holds nothing; remove it")
    elif is_last and (maximum is None or end < maximum):
        beyond = "without a maximum" if maximum is None else f"up to {number_text(maximum)}"
        section.fault(
            "up_to", f"leaves numbers above it without a price ({dimension.name} goes {beyond}); remove up_to here"
        )
    elif not is_last and maximum is not None and end >= maximum:
        section.fault(
            "up_to", f"reaches the maximum of {dimension.name}, so the ranges after it hold nothing; remove them"
        )
    else:
        return True
    return False


def refuse_choices(table: Section, dimension: Dimension, others: Sequence[str]) -> None:
    """Records a fault for every key of a table that is not a choice of its dimension, a mistyped one included."""
    choices = ", ".join(dimension.values)
    for key in others:
        table.fault(
            key, f"is not a choice of {dimension.name} ({choices}); mend it or add it to the dimension's values"
        )


def other_choices(table: Section, dimension: Dimension) -> Sequence[str]:
    """The keys of a table that are not choices of its dimension."""
    return [key for key in table.table if key not in dimension.values]
