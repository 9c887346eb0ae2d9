"""The price book: prices by model, tiers, policies and offers, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.examples import Example
from rules.pricing.formulas import Flat, Formula, Matrix, Pricing, PricingType, pricing_type
from rules.pricing.offers import Package, Plan, PlanInterval
from rules.pricing.policies import AutoTopUpPolicy, Policies
from rules.pricing.tokens import MICROS


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """What one use can cost, in micro-tokens: at the first values, at the least, and at most (None: no upper bound)."""

    first_micros: int
    least_micros: int
    greatest_micros: int | None


@dataclass(frozen=True, slots=True)
class Price:
    """How one model's cost comes about.

    `bounds` are computed from `pricing` and `dimensions`, never typed in. `tier` is the lowest plan tier that may use
    it, None for everyone. `provider_cost_micros` is what the provider charges for one use, in millionths of the
    book's currency.
    """

    model: str
    name: str
    category: str
    pricing: Pricing
    bounds: PriceBounds
    dimensions: tuple[Dimension, ...] = ()
    provider: str | None = None
    tier: str | None = None
    premium: bool = False
    notes: str | None = None
    rounding_unit_micros: int = MICROS
    provider_cost_micros: int | None = None

    @property
    def rounds_at_end(self) -> bool:
        """Whether captures take the exact amount and a hold's end rounds once, instead of every use by itself."""
        return False

    @property
    def pricing_type(self) -> PricingType:
        """The pricing's type as the API names it."""
        return pricing_type(self.pricing)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A validated price list with its policies and offers. Tiers are ordered, lowest first.

    `provider_cost_per_token_micros` is what the provider of a price without its own cost charges for each token of
    its cost, in millionths of the currency.
    """

    slug: str
    name: str
    currency: str
    tiers: tuple[str, ...]
    policies: Policies
    prices: tuple[Price, ...]
    packages: tuple[Package, ...] = ()
    plans: tuple[Plan, ...] = ()
    examples: tuple[Example, ...] = ()
    rounding_unit_micros: int = MICROS
    provider_cost_per_token_micros: int | None = None
    prices_by_model: Mapping[str, Price] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Indexes the prices by model."""
        object.__setattr__(self, "prices_by_model", {price.model: price for price in self.prices})

    def price(self, model: str) -> Price | None:
        """The price of a model, by its exact slug."""
        return self.prices_by_model.get(model)


__all__ = [
    "AutoTopUpPolicy",
    "Dimension",
    "DimensionType",
    "Example",
    "Flat",
    "Formula",
    "Matrix",
    "Package",
    "Plan",
    "PlanInterval",
    "Policies",
    "Price",
    "PriceBook",
    "PriceBounds",
    "Pricing",
    "PricingType",
    "Value",
]
