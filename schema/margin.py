"""The margin: what captured work brought in at a rate, and what providers charged for it."""

from __future__ import annotations

from datetime import datetime

from rules.pricing.earnings import Earnings, ModelEarnings, half_up
from rules.pricing.money import TokenRate
from schema.described import output
from schema.money import Money, shown_money
from schema.scalars import Long, Tokens


@output
class ModelMargin:
    """One model's work. Each amount of money is exact to its nearest minor unit by itself."""

    model: str | None
    """The model; null for what was charged without one, and for rounding at the end of holds. Null in the total."""
    uses: Long
    """How many uses were captured."""
    tokens: Tokens
    """Tokens that were charged and not given back."""
    revenue: Money
    """What those tokens are worth at the rate."""
    provider_cost: Money | None
    """What providers charged, as far as price books say; null where they say nothing."""
    margin: Money | None
    """What is left; null unless the provider's cost of every line is known."""
    margin_percent: str | None
    """What is left in percent of the revenue, a decimal string with one digit after the point; null like `margin`, and
    where nothing came in."""
    unknown_lines: Long
    """Captured lines of which no price book says what the provider charged."""


@output
class Margin:
    """A tenant's margin over some days, by its own clock."""

    since: datetime
    """From when."""
    until: datetime
    """Until when."""
    price_book_version: int
    """The version in force, whose package gave the rate; provider costs are those of the version of each line."""
    models: list[ModelMargin]
    """By model, what brought in the most first."""
    total: ModelMargin
    """All of them together."""


def shown_margin(earnings: Earnings, rate: TokenRate, since: datetime, until: datetime, version: int) -> Margin:
    """A report as it is shown."""
    return Margin(
        since=since,
        until=until,
        price_book_version=version,
        models=[_shown(sums, rate) for sums in earnings.by_revenue()],
        total=_shown(earnings.total, rate),
    )


def _shown(sums: ModelEarnings, rate: TokenRate) -> ModelMargin:
    revenue, cost, margin = sums.shown(rate)
    percent = sums.margin_percent(rate)
    return ModelMargin(
        model=sums.model,
        uses=Long(sums.uses),
        tokens=Tokens(sums.tokens_micros),
        revenue=shown_money(revenue),
        provider_cost=None if cost is None else shown_money(cost),
        margin=None if margin is None else shown_money(margin),
        margin_percent=None if percent is None else _tenths(half_up(percent * 10)),
        unknown_lines=Long(sums.unknown_lines),
    )


def _tenths(tenths: int) -> str:
    whole, tenth = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}.{tenth}"
