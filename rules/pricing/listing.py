"""The price list: which prices a filter shows."""

from __future__ import annotations

from collections.abc import Collection

from rules.pricing.price_book import Price, PriceBook
from rules.pricing.suggestions import folded, resembles


def search(
    book: PriceBook,
    text: str | None = None,
    *,
    category: str | None = None,
    provider: str | None = None,
    tier: str | None = None,
    premium: bool | None = None,
    models: Collection[str] | None = None,
) -> tuple[Price, ...]:
    """The prices, in the book's order, that meet every filter given.

    `text` is found in model or name, in any of its languages, whatever its case and punctuation; where it is found
    nowhere, prices that differ from it by typing errors are shown. Nothing but punctuation finds nothing; an empty text
    finds everything.
    """
    prices = tuple(
        price
        for price in book.prices
        if (category is None or price.category == category)
        and (provider is None or _same(price.provider, provider))
        and (tier is None or price.tier == tier)
        and (premium is None or price.premium == premium)
        and (models is None or price.model in models)
    )
    if not text or not text.strip():
        return prices
    wanted = folded(text)
    found = tuple(price for price in prices if _found(wanted, price))
    return found or tuple(price for price in prices if resembles(price, text))


def _same(provider: str | None, wanted: str) -> bool:
    return provider is not None and folded(provider) == folded(wanted)


def _found(wanted: str, price: Price) -> bool:
    texts = (price.model, price.name, *price.names.values())
    return bool(wanted) and any(wanted in folded(text) for text in texts)
