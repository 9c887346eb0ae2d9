"""Earnings: what work brought in at a rate, what providers charged for it, and what is left, model by model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from rules.pricing.captured_work import CapturedWork
from rules.pricing.dimensions import ParamFault, canonical_values, params_of_texts
from rules.pricing.margins import provider_cost_micros
from rules.pricing.money import Money, TokenRate, minor_unit_digits
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS


@dataclass(slots=True)
class ModelEarnings:
    """One model's work, or what no model is known of (None).

    `tokens_micros` were charged and not given back. `provider_cost_micros` are millionths of the currency, over the
    lines whose cost is known; `unknown_lines` are the others.
    """

    model: str | None
    uses: int = 0
    lines: int = 0
    tokens_micros: int = 0
    provider_cost_micros: int = 0
    unknown_lines: int = 0

    def add(self, other: ModelEarnings) -> None:
        """Adds another's sums to these."""
        self.uses += other.uses
        self.lines += other.lines
        self.tokens_micros += other.tokens_micros
        self.provider_cost_micros += other.provider_cost_micros
        self.unknown_lines += other.unknown_lines

    def revenue(self, rate: TokenRate) -> Fraction:
        """What the tokens are worth, in minor units, exactly."""
        return self.tokens_micros * rate.minor_units_per_micro

    def provider_cost(self, rate: TokenRate) -> Fraction | None:
        """What providers charged, in minor units; None where it is known of no line."""
        if self.lines and self.unknown_lines == self.lines:
            return None
        return Fraction(self.provider_cost_micros * 10 ** minor_unit_digits(rate.currency), MICROS)

    def margin(self, rate: TokenRate) -> Fraction | None:
        """What is left, in minor units; None unless the provider's cost is known of every line."""
        cost = self.provider_cost(rate)
        return None if cost is None or self.unknown_lines else self.revenue(rate) - cost

    def shown(self, rate: TokenRate) -> tuple[Money, Money | None, Money | None]:
        """Revenue, provider cost and margin to the nearest minor unit; the margin is what the other two leave."""
        revenue, cost = nearest_money(self.revenue(rate), rate.currency), self.provider_cost(rate)
        if cost is None:
            return revenue, None, None
        shown_cost = nearest_money(cost, rate.currency)
        if self.margin(rate) is None:
            return revenue, shown_cost, None
        return revenue, shown_cost, Money(revenue.minor_units - shown_cost.minor_units, rate.currency)

    def margin_percent(self, rate: TokenRate) -> Fraction | None:
        """What is left, in percent of what came in; None where either is not known, or nothing came in."""
        margin, revenue = self.margin(rate), self.revenue(rate)
        return None if margin is None or revenue <= 0 else 100 * margin / revenue


@dataclass(slots=True)
class Earnings:
    """Adds captured work up, by model. `currency` is that of the rate: provider costs in another are not known."""

    currency: str
    models: dict[str | None, ModelEarnings] = field(default_factory=dict)

    def add(self, work: CapturedWork, book: PriceBook) -> None:
        """One line more, with the book that it was priced by. Rounding counts among what has no model."""
        sums = self.models.setdefault(work.model, ModelEarnings(work.model))
        sums.tokens_micros += work.kept
        if work.rounding:
            return
        sums.lines += 1
        sums.uses += work.count
        cost = _provider_cost(work, book) if book.currency == self.currency else None
        if cost is None:
            sums.unknown_lines += 1
        else:
            sums.provider_cost_micros += cost

    @property
    def total(self) -> ModelEarnings:
        """All models together."""
        total = ModelEarnings(None)
        for sums in self.models.values():
            total.add(sums)
        return total

    def by_revenue(self) -> Sequence[ModelEarnings]:
        """What brought in the most first."""
        return sorted(self.models.values(), key=lambda sums: (-sums.tokens_micros, sums.model or ""))


def _provider_cost(work: CapturedWork, book: PriceBook) -> int | None:
    """What the provider charged for the work, whatever of it was charged on, or given back."""
    price = None if work.model is None else book.price(work.model)
    if price is None:
        return None
    values = canonical_values(
        price.dimensions, params_of_texts(price.dimensions, dict(work.params)), within_bounds=False
    )
    if isinstance(values, ParamFault):
        return None
    return provider_cost_micros(book, price, values, work.count, work.cost)


def nearest_money(minor_units: Fraction, currency: str) -> Money:
    """An exact amount as money, to the nearest minor unit."""
    return Money(half_up(minor_units), currency)


def half_up(number: Fraction) -> int:
    """The nearest whole number; of two equally near ones the one further from zero."""
    rounded = (2 * abs(number) + 1) // 2
    return -rounded if number < 0 else rounded


@dataclass(frozen=True, slots=True)
class NoRate:
    """Nothing tells what a token is worth: the book has these packages, and not the one that was asked for."""

    package_id: str | None
    packages: tuple[str, ...]


def package_rate(book: PriceBook, package_id: str | None) -> TokenRate | NoRate:
    """What a token is sold for: in this package; where none is asked for in the smallest, else as the book says."""
    offered = [package for package in book.packages if package_id is None or package.id == package_id]
    if offered:
        chosen = min(offered, key=lambda package: (package.tokens_micros, package.price_minor_units))
        tokens = chosen.tokens_micros + chosen.bonus_tokens_micros
        return TokenRate(Fraction(chosen.price_minor_units, tokens), book.currency)
    if package_id is None and book.token_value_micros is not None:
        minor_units = Fraction(book.token_value_micros * 10 ** minor_unit_digits(book.currency), MICROS)
        return TokenRate(minor_units / MICROS, book.currency)
    return NoRate(package_id, tuple(package.id for package in book.packages))
