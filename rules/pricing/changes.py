"""What a new price book changes: the models that come, go, or cost something else."""

from __future__ import annotations

from dataclasses import dataclass

from rules.pricing.price_book import Price, PriceBook, PriceBounds


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A model whose price is another one: what a use costs at the first values, at least and at most, both times.

    Where all of them stay, something in between changed: one combination of choices, or the bounds of a param.
    """

    model: str
    before: PriceBounds
    after: PriceBounds


@dataclass(frozen=True, slots=True)
class TextChange:
    """A key of the book's text with another value; `before` is None for a new one, `after` for one that is gone."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class BookChanges:
    """Everything that differs between two books.

    `added` and `changed` are in the new book's order, `removed` in the old one's. `texts` leaves out what is written
    within added and removed prices, and is cut off where `text_count` is greater than its length.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[PriceChange, ...] = ()
    texts: tuple[TextChange, ...] = ()
    text_count: int = 0


def price_changes(
    before: PriceBook | None, after: PriceBook
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[PriceChange, ...]]:
    """The models added, removed and priced anew; of a first book all are added."""
    old = {} if before is None else before.prices_by_model
    new = after.prices_by_model
    pairs = [(old[model], price) for model, price in new.items() if model in old]
    return (
        tuple([model for model in new if model not in old]),
        tuple([model for model in old if model not in new]),
        tuple([PriceChange(price.model, was.bounds, price.bounds) for was, price in pairs if _differ(was, price)]),
    )


def _differ(before: Price, after: Price) -> bool:
    """Whether what uses cost, or which params may be given, is another."""
    return _priced_by(before) != _priced_by(after)


def _priced_by(price: Price) -> tuple[object, ...]:
    rounding = price.rounding_unit_micros, price.rounds_at_end
    return price.pricing, price.dimensions, price.exclusions, price.bounds, rounding
