"""Prices as a price book writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rules.pricing.bounds import (
    MAX_BOOK_CORNERS,
    MAX_CORNERS,
    MAX_FALLING_CORNERS,
    corner_count,
    falling_corner_count,
    negative_corner,
    price_bounds,
)
from rules.pricing.combinations import Exclusion
from rules.pricing.dimensions import Dimension, value_text
from rules.pricing.formulas import Formula, Metered, Pricing
from rules.pricing.margins import MAX_MARGIN_PERCENT
from rules.pricing.price_book import Price, PriceBounds
from rules.pricing.slugs import is_slug, model_slug
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from rules.pricing.toml.combinations import check_defaults, read_exclusions
from rules.pricing.toml.dimensions import read_dimensions
from rules.pricing.toml.formulas import KINDS, read_pricing
from rules.pricing.toml.meters import Sale
from rules.pricing.toml.names import read_names
from rules.pricing.toml.sections import Section

MAX_PRICES = 2_000
MAX_NOTES_CHARACTERS = 1_000

LINE, HOLD = "line", "hold"

COST_KEYS = ("rounding", "rounding_unit", "not_allowed", *KINDS)
"""Beside the dimensions all that a use's cost follows from: a fault elsewhere does not keep it from being checked."""

_CATEGORY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class BookDefaults:
    """What the prices of a book share; `rounding` is LINE, HOLD or, where the book leaves it to the pricing, empty.

    `tiers` None: they are at fault, so that no price is blamed for its own.
    """

    tiers: Sequence[str] | None
    rounding_unit_micros: int
    rounding: str
    sale: Sale


@dataclass(frozen=True, slots=True)
class WrittenPrices:
    """The prices whose cost is known, whatever else is wrong with them, each with where it is written.

    `models` are those that stand soundly in the text, `doubtful` those of a price at fault, or of two; `complete` is
    false where a price has no sound model, or was not read, which any unknown model may mean.
    """

    found: tuple[tuple[Section, Price], ...]
    models: frozenset[str]
    doubtful: frozenset[str]
    complete: bool

    @property
    def named(self) -> tuple[Price, ...]:
        """Those whose model is sound."""
        return tuple(price for _, price in self.found if price.model in self.models)

    def is_doubtful(self, model: str) -> bool:
        """Whether it cannot be told what a model costs, nor that there is none."""
        return model in self.doubtful or (model not in self.models and not self.complete)


def read_prices(book: Section, defaults: BookDefaults) -> WrittenPrices:
    """All prices; a book without prices, and two prices for one model, are faults."""
    sections = book.sections("prices", limit=MAX_PRICES)
    if not sections and not book.lost("prices"):
        book.fault("prices", "is missing: a book needs at least one price, written [[prices]]")
    lines_by_model: dict[str, str] = {}
    found: list[tuple[Section, Price]] = []
    models: set[str] = set()
    doubtful: set[str] = set()
    complete = not book.lost("prices")
    corners = 0
    for section in sections:
        model, price = _read_price(section, defaults)
        if model and section.sound_at("name") and not section.lost("model"):
            models.add(model)
        else:
            complete = False
        if price is None or model in lines_by_model:
            doubtful.add(model)
        if model and model in lines_by_model:
            section.fault(
                "model" if "model" in section.table else "name",
                f'the model "{model}" is already priced at {lines_by_model[model]}; rename or remove one',
            )
        lines_by_model.setdefault(model, f"prices[{section.path[-1]}]")
        if price is not None:
            found.append((section, price))
            corners += corner_count(price.dimensions, price.pricing)
        if corners > MAX_BOOK_CORNERS:
            section.fault(
                "dimensions",
                f"brings the book to {corners} combinations of choices and ranges; at most {MAX_BOOK_CORNERS} fit, "
                "so what follows was not read",
            )
            complete = False
            break
    return WrittenPrices(tuple(found), frozenset(models), frozenset(doubtful), complete)


def _read_price(section: Section, defaults: BookDefaults) -> tuple[str, Price | None]:
    """The model, and its price where its cost is known."""
    name = section.text("name", '"Imagen 4 Ultra"')
    model = _read_model(section, name)
    category = section.text("category", '"image"', limit=50)
    if category and _CATEGORY.fullmatch(category) is None:
        section.fault("category", 'must be lower-case words joined by hyphens, such as "lip-sync"')
    provider = section.optional_text("provider", '"OpenAI"')
    tier = section.optional_text("tier", '"basic"')
    if tier is not None and defaults.tiers is not None and tier not in defaults.tiers:
        declared = ", ".join(defaults.tiers) or "none"
        section.fault("tier", f'"{tier}" is not a tier of this book ({declared}); add it to tiers or choose another')
    premium = section.flag("premium")
    notes = section.optional_text("notes", '"Premium quality"', limit=MAX_NOTES_CHARACTERS)
    rounding_unit = section.amount("rounding_unit", default=defaults.rounding_unit_micros, zero=False)
    rounding = section.one_of("rounding", (LINE, HOLD), default=defaults.rounding)
    provider_cost = section.optional_amount("provider_cost")
    target_margin = section.optional_integer("target_margin_percent", 0, MAX_MARGIN_PERCENT)
    names = read_names(section)
    by_name = read_dimensions(section)
    exclusions = read_exclusions(section, by_name)
    pricing, provider_meters = read_pricing(section, by_name, defaults.sale)
    section.finish()
    if pricing is None or None in by_name.values() or not section.sound_at(*COST_KEYS):
        return model, None
    rounds_at_end = rounding == HOLD or (not rounding and isinstance(pricing, Metered))
    dimensions = tuple(dimension for dimension in by_name.values() if dimension is not None)
    check_defaults(section, dimensions, exclusions)
    bounds = _read_bounds(section, dimensions, pricing, 1 if rounds_at_end else rounding_unit, exclusions)
    if bounds is None:
        return model, None
    return model, Price(
        model=model,
        name=name,
        category=category,
        pricing=pricing,
        bounds=bounds,
        dimensions=dimensions,
        provider=provider,
        tier=tier,
        premium=premium,
        notes=notes,
        rounding_unit_micros=rounding_unit,
        provider_cost_micros=provider_cost,
        provider_meters=provider_meters,
        target_margin_percent=target_margin,
        rounds_at_end=rounds_at_end,
        exclusions=exclusions,
        names_by_language=names,
    )


def _read_model(section: Section, name: str) -> str:
    """The source's own slug where it gives one, else the name's."""
    model = section.optional_text("model", '"imagen-4-ultra"')
    if model is not None and not is_slug(model):
        section.fault(
            "model", 'must be lower-case letters, digits and dots joined by single hyphens, such as "imagen-4-ultra"'
        )
    if model is None and name and not section.has("model"):
        model = model_slug(name)
        if not is_slug(model):
            section.fault("name", 'gives no usable slug; add model = a slug of its own, such as "imagen-4-ultra"')
    return model or ""


def _read_bounds(
    section: Section,
    dimensions: Sequence[Dimension],
    pricing: Pricing,
    rounding_unit_micros: int,
    exclusions: Sequence[Exclusion],
) -> PriceBounds | None:
    """The computed bounds; a price that may be negative, too great, never offered or too wide to search is a fault."""
    corners = corner_count(dimensions, pricing)
    if corners > MAX_CORNERS:
        message = f"has {corners} combinations of choices and ranges; split the model, at most {MAX_CORNERS} fit"
        section.fault("dimensions", message)
        return None
    falling = falling_corner_count(pricing)
    if falling > MAX_FALLING_CORNERS:
        message = f"may fall at {falling} combinations of ranges; join ranges, at most {MAX_FALLING_CORNERS} fit"
        section.fault("dimensions", message)
        return None
    if isinstance(pricing, Formula):
        negative = negative_corner(dimensions, pricing)
        if negative is not None:
            pairs = zip(dimensions, negative, strict=True)
            at = ", ".join(f"{dimension.name} {value_text(value)}" for dimension, value in pairs)
            section.fault("formula", f"base and surcharges fall below 0 at {at}; raise the base or lessen the discount")
            return None
    bounds = price_bounds(dimensions, pricing, rounding_unit_micros, exclusions)
    if bounds is None:
        section.fault("not_allowed", "rules out every combination there is; remove at least one")
        return None
    if max(bounds.first_micros, bounds.least_micros, bounds.greatest_micros or 0) > MAX_MICROS:
        section.fault(
            None, f"can cost more than {MAX_TOKENS} tokens, which no account can hold; lower its amounts or its maximum"
        )
        return None
    return bounds
