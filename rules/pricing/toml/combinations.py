"""Combinations that a price does not offer, as a price book writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rules.pricing.combinations import Exclusion, combination_text, excluded_columns
from rules.pricing.dimensions import Dimension, Value
from rules.pricing.toml.dimensions import NAMELESS
from rules.pricing.toml.sections import Section, shown

MAX_EXCLUSIONS = 200


def read_exclusions(section: Section, dimensions: Mapping[str, Dimension | None]) -> tuple[Exclusion, ...]:
    """The combinations of `not_allowed`; each names the dimensions that it is about, with one choice or a list."""
    exclusions: list[Exclusion] = []
    if section.has("not_allowed") and section.has("matrix"):
        section.fault("not_allowed", 'cannot stand beside a matrix: write "not allowed" into its table instead')
    for member in section.sections("not_allowed", limit=MAX_EXCLUSIONS):
        choices: list[tuple[int, tuple[Value, ...]]] = []
        if not member.table:
            member.fault(None, 'is empty: name choices, such as { size = "wide", quality = ["low", "high"] }')
        for name in member.table:
            dimension = dimensions.get(name)
            if name not in dimensions and NAMELESS not in dimensions:
                known = ", ".join(dimensions) or "none"
                member.fault(name, f"is not a dimension of this price ({known}); declare it or mend the name")
            elif dimension is not None and dimension.numeric:
                member.fault(name, "is a number; only choices can be ruled out, a number has minimum and maximum")
            elif dimension is not None:
                choices.append((list(dimensions).index(name), _read_values(member, name, dimension)))
        exclusions.append(Exclusion(tuple(choices)))
    return tuple(exclusions)


def _read_values(member: Section, name: str, dimension: Dimension) -> tuple[Value, ...]:
    raw = member.raw(name)
    values: list[Value] = []
    for value in raw if isinstance(raw, list) else [raw]:
        text = str(value).lower() if isinstance(value, bool) else value
        if isinstance(text, str) and text in dimension.values:
            values.append(text)
        else:
            choices = ", ".join(dimension.values)
            member.fault(name, f"{shown(value)} is not a choice of {name}; choose of {choices}")
    if raw == []:
        member.fault(name, "names no choice; list at least one, or leave it out to mean all of them")
    return tuple(values)


def check_defaults(section: Section, dimensions: Sequence[Dimension], exclusions: Sequence[Exclusion]) -> None:
    """Records a fault where the combination of the defaults is not offered."""
    defaults = tuple(dimension.first_value for dimension in dimensions)
    columns = excluded_columns(exclusions, defaults)
    if columns and all(dimensions[column].default is not None for column in columns):
        at = combination_text(dimensions, columns, defaults)
        section.fault("not_allowed", f"rules out the combination of the defaults ({at}); allow it or change a default")
