"""Dimensions as a price book writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rules.pricing.dimensions import BOOLEAN_VALUES, Dimension, DimensionType, ParamFault, Value, canonical_value
from rules.pricing.exact_numbers import Number
from rules.pricing.toml.sections import Section, is_mistyped, shown

MAX_DIMENSIONS = 20
MAX_VALUES = 200
RESERVED_NAMES = frozenset({"count"})
"""Names that mean something else where dimensions are named."""

_KEYS_OF_SOME_TYPE = ("values", "default", "minimum", "maximum", "unbounded")
"""What cannot be judged while the type is not known."""

_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,49}")


NAMELESS = ""
"""Stands among the dimensions of a price for those of which not even the name is known."""


class DimensionIndex:
    """The dimensions of one price by name, which of them its pricing uses, and which were at fault themselves."""

    def __init__(self, dimensions: Mapping[str, Dimension | None]) -> None:
        self.by_name = dimensions
        self.columns = {name: column for column, name in enumerate(dimensions)}
        self.used: set[str] = set()
        self.unknown: set[str] = set()
        self.lost = False
        """Whether a name was left out or could not be read: it may be that of a dimension that seems to be unused."""

    def without_use(self) -> Sequence[str]:
        """The dimensions that are named nowhere; none where unknown names, which are told, probably mean them.

        Any unknown name may, unless it is a mistyped one of a dimension that is used elsewhere.
        """
        unused = [name for name, dimension in self.by_name.items() if name not in self.used and dimension is not None]
        others = [name for name in unused if not is_mistyped(name, self.unknown)]
        strange = [name for name in self.unknown if not any(is_mistyped(known, (name,)) for known in self.by_name)]
        return others if len(others) > len(strange) else ()

    def find(self, section: Section, key: str, name: object) -> Dimension | None:
        """The dimension that a key names; an unknown name is a fault, one at fault itself is not blamed again."""
        if isinstance(name, str) and name in self.by_name:
            self.used.add(name)
            return self.by_name[name]
        if not isinstance(name, str) or NAMELESS in self.by_name:
            self.lost = True
        else:
            self.unknown.add(name)
        if name is None or NAMELESS in self.by_name:
            # Its absence is told by whoever required it, or it is that of the dimension without a name.
            return None
        known = ", ".join(self.by_name) or "none"
        message = f"{shown(name)} is not a dimension of this price ({known}); declare it or mend the name"
        section.fault(key, message)
        return None


def read_dimensions(section: Section) -> dict[str, Dimension | None]:
    """The dimensions by name, in order; None stands for one at fault, so that what refers to it is not blamed too."""
    dimensions: dict[str, Dimension | None] = {}
    for member in section.sections("dimensions", limit=MAX_DIMENSIONS):
        dimension = _read_dimension(member)
        written = member.table.get("name")
        name = written if isinstance(written, str) else NAMELESS
        if name in dimensions and name != NAMELESS:
            member.fault("name", f'there are two dimensions named "{name}"; rename or remove one')
        dimensions[name] = dimension
    if not dimensions and section.lost("dimensions"):
        dimensions[NAMELESS] = None
    return dimensions


def _read_dimension(section: Section) -> Dimension | None:
    name = section.text("name", '"steps"')
    if name and _NAME.fullmatch(name) is None:
        section.fault("name", 'must be in camelCase with ASCII letters and digits, such as "durationSeconds"')
    elif name in RESERVED_NAMES:
        section.fault("name", f'"{name}" has a meaning of its own; choose another name')
    unit = section.optional_text("unit", '"second"', limit=50)
    kind = section.one_of("type", ("choice", "boolean", "integer", "number"))
    match kind:
        case "choice":
            dimension = _read_choice(section, name, unit)
        case "boolean":
            default = section.flag("default") if section.has("default") else None
            text = None if default is None else str(default).lower()
            dimension = Dimension(name, DimensionType.BOOLEAN, unit, BOOLEAN_VALUES, text)
        case "integer" | "number":
            dimension = _read_numeric(section, name, unit, DimensionType[kind.upper()])
        case _:
            for key in _KEYS_OF_SOME_TYPE:
                section.has(key)
            section.finish()
            return None
    section.finish()
    return dimension if section.sound else None


def _read_choice(section: Section, name: str, unit: str | None) -> Dimension:
    values = section.texts("values", '["standard", "high"]', limit=MAX_VALUES)
    if not values and not section.has("values"):
        section.fault("values", 'is missing: list the choices, such as values = ["standard", "high"]')
    default = section.optional_text("default", '"standard"')
    if default is not None and values and default not in values:
        section.fault("default", f'"{default}" is not one of the values; choose one of ' + ", ".join(values))
    return Dimension(name, DimensionType.CHOICE, unit, values, default)


def _read_numeric(section: Section, name: str, unit: str | None, kind: DimensionType) -> Dimension:
    minimum = _bound(section, "minimum", kind)
    if not section.has("minimum"):
        section.fault("minimum", "is missing: every number needs a least value, such as minimum = 1")
    maximum = _bound(section, "maximum", kind)
    unbounded = section.flag("unbounded")
    if not section.has("maximum") and not unbounded:
        section.fault("maximum", "is missing: add maximum = the greatest value, or unbounded = true")
    if unbounded and section.has("maximum"):
        section.fault("unbounded", "contradicts maximum; remove one of them")
    if unbounded and section.has("default"):
        section.fault(
            "default",
            "cannot stand where unbounded = true, because such a param must be given; remove it or add a maximum",
        )
    if minimum is not None and maximum is not None and minimum > maximum:
        section.fault("maximum", "is below minimum; exchange them")
    bounds = Dimension(name, kind, unit, (), None, minimum, maximum)
    default = _default(section, bounds) if not unbounded else None
    return Dimension(name, kind, unit, (), default, minimum, maximum)


def _bound(section: Section, key: str, kind: DimensionType) -> Number | None:
    number = section.number(key, like="1")
    if number is not None and kind is DimensionType.INTEGER and not isinstance(number, int):
        section.fault(key, "must be a whole number, as the dimension's type is integer")
    return number


def _default(section: Section, bounds: Dimension) -> Value | None:
    raw = section.raw("default")
    if raw is None or not section.sound_at("minimum", "maximum"):
        return None
    value = canonical_value(bounds, raw, within_bounds=True)
    if isinstance(value, ParamFault):
        section.fault("default", "must keep to the dimension's own type and bounds: " + value.message)
        return None
    return value
