"""Dimensions: the params that a price depends on, and a line's params in canonical form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction

from rules.pricing.exact_numbers import Number, NumberOutOfForm, exact_number, number_text

Value = str | int | Fraction
"""A canonical value: the text of a choice ("true" and "false" for a boolean), or an exact number."""

BOOLEAN_VALUES = ("true", "false")
_SHOWN_CHARACTERS = 60


class DimensionType(Enum):
    """What values a dimension takes."""

    INTEGER = "INTEGER"
    NUMBER = "NUMBER"
    CHOICE = "CHOICE"
    BOOLEAN = "BOOLEAN"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A param that a price depends on.

    `values` are the choices (of a boolean "true", "false"; of a number none). Numbers lie between `minimum` (at least
    0) and `maximum`, both inclusive; no maximum means unbounded. Without a default the param must be given.
    """

    name: str
    type: DimensionType
    unit: str | None = None
    values: tuple[str, ...] = ()
    default: Value | None = None
    minimum: Number | None = None
    maximum: Number | None = None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, so that ranges and rates can stand on them."""
        return self.type is DimensionType.INTEGER or self.type is DimensionType.NUMBER

    @property
    def first_value(self) -> Value:
        """The value that a price is shown at: the default, else the minimum or first choice."""
        if self.default is not None:
            return self.default
        return self.values[0] if self.values else self.minimum or 0

    @property
    def default_text(self) -> str | None:
        """The default as text, null where the param must be given."""
        return None if self.default is None else value_text(self.default)

    @property
    def minimum_text(self) -> str | None:
        """The least value of a number as text."""
        return None if self.minimum is None else number_text(self.minimum)

    @property
    def maximum_text(self) -> str | None:
        """The greatest value of a number as text, null where there is none."""
        return None if self.maximum is None else number_text(self.maximum)


@dataclass(frozen=True, slots=True)
class ParamFault:
    """Why params are refused: the param to blame, where there is one, and a sentence about it."""

    param: str | None
    message: str


def value_text(value: Value) -> str:
    """The canonical text of a value."""
    return value if isinstance(value, str) else number_text(value)


def canonical_values(
    dimensions: Sequence[Dimension], params: Mapping[str, object], *, within_bounds: bool
) -> tuple[Value, ...] | ParamFault:
    """A line's values in the order of the dimensions, defaults filled in; null params count as absent.

    `within_bounds` False checks types only: work that has run may have gone beyond what the calculator offers, but
    numbers below zero and choices without a price stay refused.
    """
    values: list[Value] = []
    given = 0
    for dimension in dimensions:
        raw = params.get(dimension.name)
        if raw is None:
            if dimension.name in params:
                given += 1
            if dimension.default is None:
                return ParamFault(dimension.name, f"{dimension.name} is missing: give {_expected(dimension)}.")
            values.append(dimension.default)
            continue
        given += 1
        value = canonical_value(dimension, raw, within_bounds=within_bounds)
        if isinstance(value, ParamFault):
            return value
        values.append(value)
    if given < len(params):
        return _unknown_param(dimensions, params) or tuple(values)
    return tuple(values)


def params_of_texts(dimensions: Sequence[Dimension], texts: Mapping[str, str]) -> dict[str, object]:
    """Params as callers send them, from the canonical texts that a captured line keeps.

    A text that no longer fits its dimension, as under another price book, stays as it is and is refused like any other.
    """
    known = {dimension.name: dimension for dimension in dimensions}
    return {name: _param_of_text(known.get(name), text) for name, text in texts.items()}


def _param_of_text(dimension: Dimension | None, text: str) -> object:
    if dimension is None or dimension.type is DimensionType.CHOICE:
        return text
    if dimension.type is DimensionType.BOOLEAN:
        return text == "true" if text in BOOLEAN_VALUES else text
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def canonical_value(dimension: Dimension, raw: object, *, within_bounds: bool) -> Value | ParamFault:
    """One param's canonical value, or why it is refused."""
    if dimension.type is DimensionType.CHOICE or dimension.type is DimensionType.BOOLEAN:
        return _choice(dimension, raw)
    try:
        number = exact_number(raw)
    except NumberOutOfForm as fault:
        return ParamFault(dimension.name, f"{dimension.name} {fault}, not {_shown(raw)}.")
    if dimension.type is DimensionType.INTEGER and not isinstance(number, int):
        return ParamFault(dimension.name, f"{dimension.name} must be a whole number, not {_shown(raw)}.")
    if number < 0:
        return ParamFault(dimension.name, f"{dimension.name} must not be negative.")
    if within_bounds:
        if dimension.minimum is not None and number < dimension.minimum:
            return ParamFault(
                dimension.name, f"{dimension.name} must be at least {dimension.minimum_text}, not {_shown(raw)}."
            )
        if dimension.maximum is not None and number > dimension.maximum:
            return ParamFault(
                dimension.name, f"{dimension.name} must be at most {dimension.maximum_text}, not {_shown(raw)}."
            )
    return number


def _choice(dimension: Dimension, raw: object) -> Value | ParamFault:
    if dimension.type is DimensionType.BOOLEAN:
        if isinstance(raw, bool):
            return "true" if raw else "false"
    elif isinstance(raw, str) and raw in dimension.values:
        return raw
    return ParamFault(dimension.name, f"{dimension.name} must be {_expected(dimension)}, not {_shown(raw)}.")


def _expected(dimension: Dimension) -> str:
    match dimension.type:
        case DimensionType.BOOLEAN:
            return "true or false"
        case DimensionType.CHOICE:
            return "one of " + ", ".join(f'"{value}"' for value in dimension.values)
        case DimensionType.INTEGER | DimensionType.NUMBER:
            kind = "a whole number" if dimension.type is DimensionType.INTEGER else "a number"
            if dimension.maximum is None:
                return f"{kind} of at least {dimension.minimum_text}"
            return f"{kind} between {dimension.minimum_text} and {dimension.maximum_text}"


def _unknown_param(dimensions: Sequence[Dimension], params: Mapping[str, object]) -> ParamFault | None:
    known = {dimension.name for dimension in dimensions}
    for name in params:
        if name not in known and params[name] is not None:
            takes = ", ".join(dimension.name for dimension in dimensions) or "no params"
            shown = printable(name)
            return ParamFault(shown, f"The model has no param {shown!r}; it takes {takes}.")
    return None


def printable(text: object) -> str:
    """A caller's text cut to a length and characters that every log, database and JSON writer bears."""
    return (
        str(text)[:_SHOWN_CHARACTERS].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    )


def _shown(raw: object) -> str:
    match raw:
        case bool():
            return "true" if raw else "false"
        case str():
            return f'"{printable(raw)}"'
        case int() | float() | Decimal():
            # A whole number of thousands of digits cannot even be turned into text.
            return printable(raw) if not isinstance(raw, int) or raw.bit_length() < 200 else "a number of that size"
        case _:
            return "a list or an object"
