"""The price list: which prices a filter shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rules.pricing.likeness import begins_like
from rules.pricing.price_book import Price, PriceBook
from rules.pricing.suggestions import MAX_COMPARED_CHARACTERS, folded, names_of

NAMES_REMEMBERED_MAX: Final = 10_000
"""Prices whose names are kept folded, a few hundred bytes each: folding them costs more than finding a text in them."""

_BETWEEN_WORDS: Final = re.compile(r"[^\w]+|_+")


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

    `text` is found in model or name, whatever its case and punctuation: as a whole; where no price of the book has it
    so, word by word in any order; where none has it so either, word by word with typing errors forgiven. So a
    text that is right finds nothing else. Nothing but punctuation finds nothing; an empty text finds everything.
    """
    found = _found(book, text) if text and text.strip() else book.prices
    return tuple(
        price
        for price in found
        if (category is None or price.category == category)
        and (provider is None or _same(price.provider, provider))
        and (tier is None or price.tier == tier)
        and (premium is None or price.premium == premium)
        and (models is None or price.model in models)
    )


def _same(provider: str | None, wanted: str) -> bool:
    return provider is not None and folded(provider) == folded(wanted)


@dataclass(frozen=True, slots=True)
class _Names:
    """What a price is found by, folded: its names as wholes, and from the beginning of every one of their words."""

    wholes: tuple[str, ...]
    beginnings: tuple[str, ...]


def _found(book: PriceBook, text: str) -> Sequence[Price]:
    """The prices that have the text in the strictest way in which any has it."""
    words = _words(text)
    if not words:
        return ()
    whole = "".join(words)
    candidates = [(price, _folded_names(names_of(price))) for price in book.prices]
    ways: tuple[Callable[[_Names], bool], ...] = (
        lambda names: _hold(names, whole),
        lambda names: all(_hold(names, word) for word in words),
        lambda names: all(_hold(names, word) or _are_like(names, word) for word in words),
        lambda names: _are_like(names, whole),
    )
    for have in ways:
        found = [price for price, names in candidates if have(names)]
        if found:
            return found
    return ()


@lru_cache(NAMES_REMEMBERED_MAX)
def _folded_names(names: tuple[str, ...]) -> _Names:
    words_of_names = [_words(name) for name in names]
    beginnings = {"".join(words[start:]) for words in words_of_names for start in range(len(words))}
    return _Names(tuple({"".join(words) for words in words_of_names}), tuple(beginnings))


def _words(text: str) -> Sequence[str]:
    parts = (folded(part) for part in _BETWEEN_WORDS.split(text[:MAX_COMPARED_CHARACTERS]))
    return [part for part in parts if part]


def _hold(names: _Names, wanted: str) -> bool:
    return any(wanted in whole for whole in names.wholes)


def _are_like(names: _Names, wanted: str) -> bool:
    return any(begins_like(wanted, beginning) for beginning in names.beginnings)
