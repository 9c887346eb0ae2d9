"""Metered and composite pricing as a price book writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from rules.pricing.dimensions import Dimension, DimensionType
from rules.pricing.exact_numbers import Number, number_text, simplest
from rules.pricing.formulas import Metered
from rules.pricing.meters import Meter
from rules.pricing.tokens import MICROS
from rules.pricing.toml.dimensions import DimensionIndex
from rules.pricing.toml.sections import Section
from rules.pricing.toml.tables import MAX_TERMS, read_table

TIERS = ("graduated", "volume")


@dataclass(frozen=True, slots=True)
class Sale:
    """What turns a provider's cost into tokens: a token's value, in millionths of the currency, and the markup.

    `lost`: one of them stands in the book and is at fault, so that what follows from it is not known.
    """

    token_value_micros: int | None = None
    markup: Number | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Rate:
    """What one unit costs, in micro-tokens, and what the provider charges for it, in millionths of the currency."""

    amount: Number
    provider: Number | None
    fixed: int = 0
    lost: bool = False


def read_metered(section: Section, index: DimensionIndex, sale: Sale) -> tuple[Metered | None, tuple[Meter, ...]]:
    """Metered pricing, where the section says what it counts, or composite pricing, where it has components."""
    composite = section.path[-1] == "composite"
    base = section.amount("base", default=0)
    multipliers = [read_table(member, index, "times") for member in section.sections("multipliers", limit=MAX_TERMS)]
    minimum_charge = section.amount("minimum_charge", default=0)
    markup = read_markup(section, sale.markup)
    sale = Sale(sale.token_value_micros, markup, sale.lost or section.lost("markup"))
    if composite:
        components = section.sections("components", limit=MAX_TERMS)
        if len(components) < 2 and not section.lost("components"):
            like = 'components = [{ of = "inputTokens", tokens = 1, per = 1000000 }, …]'
            section.fault("components", f"must list at least two: {like}; for a single one use [metered]")
    else:
        components = [section]
    read = [_read_meter(component, index, sale) for component in components]
    section.finish()
    for component in components if composite else ():
        component.finish()
    if not section.sound or None in read:
        return None, ()
    found = [pair for pair in read if pair is not None]
    pricing = Metered(
        base_micros=base,
        meters=tuple(meter for meter, _ in found),
        multipliers=tuple(table for table in multipliers if table is not None),
        minimum_charge_micros=minimum_charge,
    )
    return pricing, tuple(provider for _, provider in found if provider is not None)


def read_markup(section: Section, default: Number | None = None) -> Number | None:
    """The factor between a provider's cost and the price, above 0."""
    markup = section.number("markup", like="1.5")
    if markup == 0:
        section.fault("markup", "must be more than 0: at 0 the work would be given away")
    return default if markup is None else markup


def _read_meter(section: Section, index: DimensionIndex, sale: Sale) -> tuple[Meter, Meter | None] | None:
    dimension = index.find(section, "of", section.required("of", '"inputTokens"'))
    if dimension is not None and not dimension.numeric:
        section.fault("of", f'"{dimension.name}" is a choice; a meter counts numbers, so use multipliers')
    included = section.number("included", like="1000") or 0
    forms = [key for key in TIERS if section.has(key)]
    tokens, cost, per = section.has("tokens"), section.has("provider_cost"), section.has("per")
    ends: tuple[Number, ...] = ()
    if not forms:
        rates: Sequence[_Rate] = [_read_rate(section, sale)]
    else:
        if len(forms) > 1 or tokens or cost or per:
            rest = ", ".join(key for key in (*TIERS, "tokens", "provider_cost", "per") if section.has(key))
            section.fault(forms[-1], f"stands beside others ({rest}): give one rate, graduated tiers or volume tiers")
        ends, rates = _read_tiers(section, forms[0], dimension, included, sale)
    if dimension is None or not section.sound or any(rate.lost for rate in rates):
        return None
    column = index.columns[dimension.name]
    meter = Meter(
        column=column,
        rates=tuple(rate.amount for rate in rates),
        ends=ends,
        fixed=tuple(rate.fixed for rate in rates),
        volume=forms == ["volume"],
        included=included,
    )
    if all(rate.provider is None for rate in rates):
        return meter, None
    # The provider charges for the units that are included here, too; its tiers end where the price's do.
    provider = Meter(
        column=column,
        rates=tuple(rate.provider or 0 for rate in rates),
        ends=meter.bends,
        fixed=(0,) * len(rates),
        volume=meter.volume,
    )
    return meter, provider


def _read_rate(section: Section, sale: Sale, *, tier: bool = False) -> _Rate:
    """`tokens`, or `provider_cost` times the markup, for `per` units; a tier may have a fixed amount too, or alone."""
    fixed = section.amount("fixed", default=0) if tier else 0
    per = section.number("per", like="1000000")
    if per == 0:
        section.fault("per", "must be more than 0")
    per = per or 1
    tokens, cost = section.optional_amount("tokens"), section.optional_amount("provider_cost")
    provider = None if cost is None else simplest(Fraction(cost) / per)
    if tokens is not None:
        return _Rate(simplest(Fraction(tokens) / per), provider, fixed)
    if provider is not None:
        if sale.lost:
            return _Rate(0, provider, fixed, lost=True)
        if not sale.markup:
            remedy = "add markup = 1.5 here or to the book, or tokens = the price"
            section.fault("provider_cost", f"makes a price only with a markup: {remedy}")
        elif not sale.token_value_micros:
            remedy = "add token_value = 0.01 to the book, in its currency, or tokens = the price"
            section.fault("provider_cost", f"makes a price only where the book says what a token is worth: {remedy}")
        else:
            amount = provider * sale.markup * MICROS / Fraction(sale.token_value_micros)
            return _Rate(simplest(amount), provider, fixed)
    elif not (tier and section.has("fixed")) and not any(section.lost(key) for key in (*TIERS, "provider_cost")):
        also = ", or fixed = an amount for the whole tier" if tier else ""
        section.fault("tokens", f"is missing: add tokens = 1 and per = 1000, or provider_cost with a markup{also}")
    return _Rate(0, provider, fixed)


def _read_tiers(
    section: Section, key: str, dimension: Dimension | None, included: Number, sale: Sale
) -> tuple[tuple[Number, ...], Sequence[_Rate]]:
    tiers = section.sections(key, limit=MAX_TERMS)
    if len(tiers) < 2 and not section.lost(key):
        section.fault(key, f"needs at least two tiers: {key} = [{{ up_to = 1000, tokens = 2 }}, {{ tokens = 1 }}]")
    ends: list[Number] = []
    rates: list[_Rate] = []
    for position, tier in enumerate(tiers):
        last = position == len(tiers) - 1
        end = tier.number("up_to", like="1000")
        rates.append(_read_rate(tier, sale, tier=True))
        tier.finish()
        if last:
            if tier.has("up_to"):
                tier.fault("up_to", "must not stand in the last tier, which has no end; remove it")
        elif not tier.has("up_to"):
            if not tier.lost("up_to"):
                tier.fault("up_to", "is missing: only the last tier may go without, because it has no end")
        elif end is not None:
            _check_end(tier, dimension, simplest(end + included), ends[-1] + included if ends else included)
            ends.append(end)
    return tuple(ends), rates


def _check_end(tier: Section, dimension: Dimension | None, end: Number, before: Number) -> None:
    """`end` and `before`, the end of the tier before, as values of the dimension."""
    if end <= before:
        tier.fault("up_to", "must be above 0, and above the tier before it")
    elif dimension is None or not dimension.numeric:
        return
    elif dimension.type is DimensionType.INTEGER and not isinstance(end, int):
        tier.fault("up_to", f"must be a whole number, like the included units, because {dimension.name} is one")
    elif dimension.maximum is not None and end >= dimension.maximum:
        most = number_text(dimension.maximum)
        tier.fault("up_to", f"reaches the maximum of {dimension.name} ({most}), so the tiers after it hold nothing")
