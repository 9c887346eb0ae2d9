"""Pricing as a price book writes it: tokens, matrix, formula, metered or composite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from rules.pricing.dimensions import Dimension, Value
from rules.pricing.exact_numbers import simplest
from rules.pricing.formulas import Flat, Formula, Matrix, Pricing, Rate
from rules.pricing.meters import Meter
from rules.pricing.toml.dimensions import DimensionIndex
from rules.pricing.toml.meters import Sale, read_metered
from rules.pricing.toml.sections import Section, is_mistyped
from rules.pricing.toml.tables import MAX_TERMS, other_choices, read_table, refuse_choices

NOT_ALLOWED = "not allowed"
"""What a matrix says of a combination that is not offered."""


KINDS = ("tokens", "matrix", "formula", "metered", "composite")

_WITHOUT_DIMENSIONS = ("base", "minimum_charge", "markup", "tokens", "per", "provider_cost", "included")
"""Keys of a pricing in which no dimension is named."""


def read_pricing(
    section: Section, dimensions: Mapping[str, Dimension | None], sale: Sale
) -> tuple[Pricing | None, tuple[Meter, ...]]:
    """The pricing of a price, exactly one of KINDS, and what the provider charges by units."""
    index = DimensionIndex(dimensions)
    given = [key for key in KINDS if section.has(key)]
    if not given and any(section.lost(key) for key in KINDS):
        # A mistyped key, of which it will be told.
        return None, ()
    if len(given) != 1:
        wrong = "has no price" if not given else "has several prices (" + ", ".join(given) + ")"
        choose = "tokens = 5, [matrix], [formula], [metered] and [composite]"
        section.fault(given[1] if given else None, f"{wrong}: give exactly one of {choose}")
        return None, ()
    pricing: Pricing | None = None
    provider: tuple[Meter, ...] = ()
    kind = given[0]
    inner = section.section(kind) if kind != "tokens" else None
    if kind == "tokens":
        pricing = Flat(section.amount("tokens"))
    elif inner is None:
        return None, ()
    elif kind == "matrix":
        pricing = _read_matrix(inner, index)
    elif kind == "formula":
        pricing = _read_formula(inner, index)
    else:
        pricing, provider = read_metered(inner, index, sale)
    if not index.lost and (inner is None or not _is_partly_lost(inner)):
        for name in index.without_use():
            section.faults.add(
                (*section.path, "dimensions", index.columns[name]),
                f'"{name}" changes nothing in the price; use it there or remove it',
            )
    return pricing, provider


def _is_partly_lost(inner: Section) -> bool:
    """Whether a part of a pricing could not be read, in which a dimension that seems to be unused may be used."""
    return any(inner.faults.at((*inner.path, key)) for key in inner.table if key not in _WITHOUT_DIMENSIONS)


def _read_matrix(section: Section, index: DimensionIndex) -> Matrix | None:
    names = section.texts("by", '["size", "quality"]', limit=MAX_TERMS)
    if not section.has("by"):
        section.fault("by", 'is missing: name the dimensions of the table, such as by = ["size", "quality"]')
    dimensions = [index.find(section, "by", name) for name in names]
    for dimension in dimensions:
        if dimension is not None and dimension.numeric:
            section.fault(
                "by", f'"{dimension.name}" is a number; a table stands on choices, so use a formula with ranges'
            )
    table = section.section("tokens")
    if not section.has("tokens"):
        section.fault("tokens", "is missing: add the table of amounts, one level of keys for each dimension in by")
    section.finish()
    index.lost = index.lost or not names
    if table is None or not names or not section.sound_at("by") or None in dimensions:
        return None
    chosen = [dimension for dimension in dimensions if dimension is not None]
    cells: dict[tuple[Value, ...], int] = {}
    _read_cells(table, chosen, (), cells)
    if section.sound_at("tokens"):
        if not cells:
            section.fault("tokens", "allows no combination at all; give at least one amount")
        defaults = tuple(dimension.default for dimension in chosen)
        if None not in defaults and defaults not in cells:
            section.fault(
                "tokens", "does not allow the combination of the defaults; give it an amount or change a default"
            )
    return Matrix(tuple(index.columns[name] for name in names), cells)


def _read_cells(
    table: Section, dimensions: Sequence[Dimension], before: tuple[Value, ...], cells: dict[tuple[Value, ...], int]
) -> None:
    dimension, rest = dimensions[0], dimensions[1:]
    strangers = other_choices(table, dimension)
    for value in dimension.values:
        key = (*before, value)
        if not table.has(value):
            if is_mistyped(value, strangers):
                continue
            others = f" for every {' and '.join(other.name for other in rest)}" if rest else ""
            table.fault(value, f'has no amount{others}: add one, or "{NOT_ALLOWED}" where it is not offered')
        elif table.table[value] == NOT_ALLOWED:
            continue
        elif rest:
            inner = table.section(value)
            if inner is not None:
                _read_cells(inner, rest, key, cells)
        else:
            cells[key] = table.amount(value)
    refuse_choices(table, dimension, strangers)


def _read_formula(section: Section, index: DimensionIndex) -> Formula:
    base = section.amount("base", default=0)
    surcharges = [read_table(member, index, "add") for member in section.sections("surcharges", limit=MAX_TERMS)]
    rates = [_read_rate(member, index) for member in section.sections("rates", limit=MAX_TERMS)]
    multipliers = [read_table(member, index, "times") for member in section.sections("multipliers", limit=MAX_TERMS)]
    minimum_charge = section.amount("minimum_charge", default=0)
    if not section.has("base") and not rates and not section.lost("rates"):
        section.fault("base", "is missing: add base = the tokens of one use, or rates")
    section.finish()
    return Formula(
        base_micros=base,
        surcharges=tuple(table for table in surcharges if table is not None),
        rates=tuple(rate for rate in rates if rate is not None),
        multipliers=tuple(table for table in multipliers if table is not None),
        minimum_charge_micros=minimum_charge,
    )


def _read_rate(section: Section, index: DimensionIndex) -> Rate | None:
    names = section.texts("of", '["steps"]', limit=MAX_TERMS)
    if not section.has("of"):
        section.fault(
            "of", 'is missing: name the dimensions whose product is counted, such as of = ["width", "height"]'
        )
    dimensions = [index.find(section, "of", name) for name in names]
    for dimension in dimensions:
        if dimension is not None and not dimension.numeric:
            section.fault("of", f'"{dimension.name}" is a choice; a rate counts numbers, so use a surcharge')
    amount = section.amount("tokens")
    per = section.number("per", like="1000")
    if per == 0:
        section.fault("per", "must be more than 0")
    included = section.number("included", like="25")
    started = section.flag("started")
    section.finish()
    index.lost = index.lost or not names
    if not section.sound or None in dimensions:
        return None
    per = per or 1
    return Rate(
        columns=tuple(index.columns[name] for name in names),
        amount=simplest(Fraction(amount) / per),
        per=per,
        included=included or 0,
        started=started,
    )
