"""Prices and estimates: what one use costs, why, and whether it can be paid."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import strawberry

from rules.identity import IdKind
from rules.ledger.records import Estimated, LineView
from rules.ledger.records import Quote as QuoteRecord
from rules.pricing import combinations
from rules.pricing import price_book as book_rules
from rules.pricing.affordable import Affordable as AffordableRecord
from rules.pricing.costs import CostStep as CostStepRecord
from rules.pricing.dimensions import Dimension, value_text
from rules.pricing.money import TokenRate
from schema.described import output
from schema.limits import LimitStatus, shown_limit
from schema.money import Money, shown_money
from schema.names import LocalName, shown_names
from schema.nodes import shown_id
from schema.problems import Problem
from schema.reads import PublishedBook
from schema.refusals import problem_of
from schema.scalars import Tokens, tokens_or_none
from schema.words import DimensionType, EstimateWarning, PricingType


@output
class PriceBook:
    """One version of a tenant's price list. Creating a tenant copies the shipped file as version 1."""

    slug: str
    """Which price list, such as "node-studio"."""
    version: int
    """From 1; an old hold keeps the version it was priced at."""
    name: str
    """What people call it."""
    names: list[LocalName]
    """What it is called in further languages; empty where it has none."""
    currency: str
    """ISO 4217, in lower case; what its packages and plans are sold in."""
    tiers: list[str]
    """Plan tiers, lowest first."""
    published_at: datetime
    """When this version was made."""


@output
class PriceDimension:
    """A param that a price depends on. Without a default it must be given."""

    name: str
    """The param's name."""
    type: DimensionType
    """What values it takes."""
    unit: str | None
    """What is counted, such as "px" or "s"."""
    values: list[str] | None
    """The choices; null for numbers."""
    default: str | None
    """What an absent param stands for; null: it must be given."""
    minimum: str | None
    """The least number allowed, in the unit; null for choices."""
    maximum: str | None
    """The greatest number allowed, in the unit; null for choices, and where nothing bounds it."""


@output
class ExcludedChoices:
    """Choices of one dimension."""

    dimension: str
    """The param's name."""
    values: list[str]
    """Those of its choices that are meant; of a boolean "true" or "false"."""


@output
class Exclusion:
    """Choices that are not offered together: params that have one of the values in every dimension are refused."""

    choices: list[ExcludedChoices]
    """One for each dimension that matters."""


@output
class Price:
    """How one model's or tool's cost comes about."""

    model: str
    """The slug that lines name, unique in the price book: the name in lower case with hyphens ("dall-e-3")."""
    name: str
    """What people call it."""
    names: list[LocalName]
    """What it is called in further languages; empty where the price book has none."""
    category: str
    """What it makes, such as "image", "video" or "tool"."""
    provider: str | None
    """Who runs the model."""
    tier: str | None
    """The lowest plan tier that may use it; null: everyone."""
    premium: bool
    """Whether it is marked as premium."""
    notes: str | None
    """What people should know of it."""
    pricing_type: PricingType
    """How its cost comes about."""
    token_cost: Tokens
    """Tokens for one use at the default params; a dimension without a default takes its minimum or first value."""
    min_token_cost: Tokens
    """The fewest tokens that one use can cost with any allowed params."""
    max_token_cost: Tokens | None
    """The most tokens that one use can cost with any allowed params; null: nothing bounds it."""
    dimensions: list[PriceDimension]
    """The params that it depends on."""
    not_allowed: list[Exclusion]
    """Choices that cannot be had together; a calculator greys them out."""
    allowed: bool | None
    """Whether the account in scope may use it on its plan; null without an account."""


@output
class CostStep:
    """One step on the way to a line's cost."""

    label: str
    """What it is for, such as "resolution 1024x1024"."""
    amount: Tokens
    """Tokens that it adds, or takes off; a line's steps add up to its cost, rounding included."""


@output
class EstimateLine:
    """One line with its price."""

    ref: str | None
    """The caller's own name for it, unchanged."""
    model: str
    """The model."""
    category: str
    """The model's category in that version of the price book, such as "image"; what usage is counted under."""
    count: int
    """How many uses."""
    unit_cost: Tokens
    """Tokens for one use."""
    cost: Tokens
    """Tokens for all uses. Of a hold's lines the upper bound that was set aside; of a capture's what the work cost."""
    min_cost: Tokens
    """The fewest tokens that one use can cost with any allowed params."""
    max_cost: Tokens | None
    """The most tokens that one use can cost with any allowed params; null: nothing bounds it."""
    pricing_type: PricingType
    """How the cost came about."""
    price_book_version: int
    """The version that it was priced at."""
    steps: list[CostStep]
    """How the cost came about, step by step."""


@output
class Estimate:
    """What work would cost now, and whether the account could pay for it."""

    total: Tokens
    """Tokens for everything: the sum of the lines, plus `rounding`."""
    lines: list[EstimateLine]
    """The lines in the order given; empty for a plain amount."""
    rounding: Tokens
    """Tokens that rounding at the end of the hold adds."""
    price_book: PriceBook
    """The version that it was priced at."""
    affordable: bool | None
    """Whether it would go through now; null without an account."""
    blockers: list[Problem]
    """What stands in its way now, most important first; empty when it would go through."""
    warnings: list[EstimateWarning]
    """What a client should warn of although it would go through."""
    near_limits: list[LimitStatus]
    """The limits of the account, the member and the project, for whatever period, that the work would bring near their
    end, or up to it, as they stand before it; empty when it would not go through."""
    balance_after: Tokens | None
    """Tokens that would be available afterwards; null without an account, or when it would not go through."""
    rate: strawberry.Private[Callable[[], Awaitable[TokenRate | None]]]

    @strawberry.field
    async def money(self) -> Money | None:
        """What the total is in money, rounded up to the currency's minor unit.

        At the rate that the account paid for the tokens that it has; where it paid nothing, or without an account, at
        that of the price book's smallest package. Null where the book has no packages either. Looked up only when it is
        selected.
        """
        rate = await self.rate()
        money = None if rate is None else rate.money(self.total)
        return None if money is None else shown_money(money)


@output
class Affordable:
    """The most that an account could have now: a reservation of this value goes through, one of the next is refused.

    Numbers with a fraction go up by 0.000001.
    """

    value: str | None
    """The greatest value; null: not even the least is affordable, or, `unbounded`, there is none."""
    unbounded: bool
    """Whether nothing limits it."""
    cost: Tokens | None
    """Tokens that the work costs at this value; null without one."""
    limited_by: str | None
    """What keeps it from being more: "balance", "dimension" (its own maximum), "count" (the greatest of a line),
    "amount" (the greatest amount of tokens), "limit ACCOUNT DAY" or another limit by its
    scope and period, "frozen" (the account takes no new work), "closed" (it never will), "tier" (it is on no plan that
    opens the model) or "runs per minute" (too many runs began in the last minute); null where nothing does."""


@output
class Quote:
    """A price lock: whoever reserves with it before it expires pays this price, whatever is published meanwhile.

    It may be used again until it expires. Bound to the account that it was asked for, or to the tenant alone; balance,
    tier and freezing are judged anew at each use.
    """

    id: strawberry.ID
    """What `work.quoteId` takes."""
    expires_at: datetime
    """From then on its price is no longer promised; by the tenant's clock."""
    estimate: Estimate
    """What it promises, and what stood in the way when it was made."""


def shown_book(published: PublishedBook) -> PriceBook:
    """A published version as it is shown."""
    book = published.book
    return PriceBook(
        slug=book.slug,
        version=published.version,
        name=book.name,
        names=shown_names(book.names),
        currency=book.currency,
        tiers=list(book.tiers),
        published_at=published.published_at,
    )


def shown_price(price: book_rules.Price, *, allowed: bool | None = None) -> Price:
    """A price as it is shown; `allowed`: whether the account in scope may use it."""
    bounds = price.bounds
    return Price(
        model=price.model,
        name=price.name,
        names=shown_names(price.names),
        category=price.category,
        provider=price.provider,
        tier=price.tier,
        premium=price.premium,
        notes=price.notes,
        pricing_type=price.pricing_type,
        token_cost=Tokens(bounds.first_micros),
        min_token_cost=Tokens(bounds.least_micros),
        max_token_cost=tokens_or_none(bounds.greatest_micros),
        dimensions=[_shown_dimension(dimension) for dimension in price.dimensions],
        not_allowed=[_shown_exclusion(price.dimensions, exclusion) for exclusion in price.not_offered],
        allowed=allowed,
    )


def shown_line(line: LineView) -> EstimateLine:
    """A priced line as it is shown."""
    return EstimateLine(
        ref=line.ref,
        model=line.model,
        category=line.category,
        count=line.count,
        unit_cost=Tokens(line.unit_cost),
        cost=Tokens(line.cost),
        min_cost=Tokens(line.min_cost),
        max_cost=tokens_or_none(line.max_cost),
        pricing_type=line.pricing_type,
        price_book_version=line.price_book_version,
        steps=[_shown_step(step) for step in line.steps],
    )


def shown_estimate(
    estimated: Estimated, published: PublishedBook, rate: Callable[[], Awaitable[TokenRate | None]]
) -> Estimate:
    """An estimate as it is shown, with the version that it was priced at; `rate` finds what tokens are worth."""
    return Estimate(
        total=Tokens(estimated.total),
        lines=[shown_line(line) for line in estimated.lines],
        rounding=Tokens(estimated.rounding),
        price_book=shown_book(published),
        affordable=estimated.affordable,
        blockers=[problem_of(blocker) for blocker in estimated.blockers],
        warnings=list(estimated.warnings),
        near_limits=[shown_limit(status) for status in estimated.near_limits],
        balance_after=tokens_or_none(estimated.balance_after) if estimated.affordable else None,
        rate=rate,
    )


def shown_affordable(largest: AffordableRecord) -> Affordable:
    """The largest value as it is shown."""
    return Affordable(
        value=largest.value,
        unbounded=largest.unbounded,
        cost=tokens_or_none(largest.cost_micros),
        limited_by=largest.limited_by,
    )


def shown_quote(quote: QuoteRecord, estimate: Estimate) -> Quote:
    """A quote as it is shown, with its estimate as that is shown."""
    return Quote(
        id=shown_id(IdKind.QUOTE, quote.owner_id, quote.number), expires_at=quote.expires_at, estimate=estimate
    )


def _shown_step(step: CostStepRecord) -> CostStep:
    return CostStep(label=step.label, amount=Tokens(step.amount))


def _shown_dimension(dimension: Dimension) -> PriceDimension:
    return PriceDimension(
        name=dimension.name,
        type=dimension.type,
        unit=dimension.unit,
        values=list(dimension.values) or None,
        default=dimension.default_text,
        minimum=dimension.minimum_text,
        maximum=dimension.maximum_text,
    )


def _shown_exclusion(dimensions: Sequence[Dimension], exclusion: combinations.Exclusion) -> Exclusion:
    return Exclusion(
        choices=[
            ExcludedChoices(dimension=dimensions[column].name, values=[value_text(value) for value in values])
            for column, values in exclusion.choices
        ]
    )
