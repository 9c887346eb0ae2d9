"""The price book: prices by model, tiers, policies and offers, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.pricing.combinations import Exclusion, gaps
from rules.pricing.costs import round_up
from rules.pricing.dimensions import Dimension, DimensionType, Value
from rules.pricing.examples import Example
from rules.pricing.formulas import Flat, Formula, Matrix, Metered, Pricing, PricingType, pricing_type
from rules.pricing.meters import Meter
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
    it, None for everyone; `exclusions` are choices not offered together. `provider_cost_micros` is what the provider
    charges for one use, in millionths of the book's currency, and `provider_meters` what it charges by units.
    `rounds_at_end`: captures take the exact amount, and a hold's end rounds once, instead of every use by itself.
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
    provider_meters: tuple[Meter, ...] = ()
    target_margin_percent: int | None = None
    rounds_at_end: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    names_by_language: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> Mapping[str, str]:
        """The name in further languages, by ISO 639 code."""
        return dict(self.names_by_language)

    @property
    def not_offered(self) -> tuple[Exclusion, ...]:
        """Every combination of choices that is refused: the exclusions, and the gaps of a matrix."""
        if isinstance(self.pricing, Matrix):
            return (*self.exclusions, *gaps(self.dimensions, self.pricing))
        return self.exclusions

    @property
    def use_unit_micros(self) -> int:
        """What one use is rounded up to: the rounding unit, or, where a hold's end rounds, a whole micro-token."""
        return 1 if self.rounds_at_end else self.rounding_unit_micros

    @property
    def bounds_alone(self) -> PriceBounds:
        """What one use can come to that is alone in its hold, and so is rounded by itself at the end of it."""
        if not self.rounds_at_end:
            return self.bounds
        unit, greatest = self.rounding_unit_micros, self.bounds.greatest_micros
        return PriceBounds(
            first_micros=round_up(self.bounds.first_micros, unit),
            least_micros=round_up(self.bounds.least_micros, unit),
            greatest_micros=None if greatest is None else round_up(greatest, unit),
        )

    @property
    def pricing_type(self) -> PricingType:
        """The pricing's type as the API names it."""
        return pricing_type(self.pricing)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A validated price list with its policies and offers. Tiers are ordered, lowest first.

    In millionths of the currency: `provider_cost_per_token_micros` is what the provider of a price without its own cost
    charges for each token of its cost, `token_value_micros` what a token is sold for. `target_margin_percent` holds
    for prices without their own.
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
    token_value_micros: int | None = None
    target_margin_percent: int | None = None
    names_by_language: tuple[tuple[str, str], ...] = ()
    prices_by_model: Mapping[str, Price] = field(init=False, repr=False, compare=False)
    plans_by_tier: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """By tier the ids of the plans whose own is that one or a higher one."""

    def __post_init__(self) -> None:
        """Indexes the prices by model, and the plans by the tiers that they open."""
        object.__setattr__(self, "prices_by_model", {price.model: price for price in self.prices})
        opened = {
            tier: frozenset(plan.id for plan in self.plans if plan.tier in self.tiers[rank:])
            for rank, tier in enumerate(self.tiers)
        }
        object.__setattr__(self, "plans_by_tier", opened)

    @property
    def names(self) -> Mapping[str, str]:
        """The book's name in further languages, by ISO 639 code."""
        return dict(self.names_by_language)

    def price(self, model: str) -> Price | None:
        """The price of a model, by its exact slug."""
        return self.prices_by_model.get(model)

    def plan(self, plan_id: str) -> Plan | None:
        """A plan, by its id."""
        return next((plan for plan in self.plans if plan.id == plan_id), None)


__all__ = [
    "AutoTopUpPolicy",
    "Dimension",
    "DimensionType",
    "Example",
    "Exclusion",
    "Flat",
    "Formula",
    "Matrix",
    "Meter",
    "Metered",
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
