"""Suggestions: which models an unknown one may stand for; case, punctuation and typing errors are forgiven."""

from __future__ import annotations

import unicodedata

from rules.pricing.price_book import Price, PriceBook

MAX_SUGGESTIONS = 5
MAX_COMPARED_CHARACTERS = 100
"""Longer texts are cut: nobody's typing error is that long, and the work stays bounded."""

_LEAST_LIKENESS_PERCENT = 40


def folded(text: str) -> str:
    """A text without case, accents, spaces and punctuation, cut to MAX_COMPARED_CHARACTERS."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_COMPARED_CHARACTERS]).casefold()
    return "".join(character for character in decomposed if character.isalnum())


def names_of(price: Price) -> tuple[str, ...]:
    """Everything that a price is called, which suggestions and search know it by."""
    return (price.model, price.name, *(name for _, name in price.names_by_language))


def suggest_models(book: PriceBook, text: str) -> tuple[str, ...]:
    """At most five models of the book that the text may have meant, closest first."""
    wanted = folded(text)
    if not wanted:
        return ()
    pairs = _pairs(wanted)
    ranked = sorted((-likeness, price.model) for price in book.prices if (likeness := _likeness(wanted, pairs, price)))
    return tuple(model for _, model in ranked[:MAX_SUGGESTIONS])


def _likeness(wanted: str, pairs: frozenset[str], price: Price) -> int:
    """In percent; 0 where it is too little to be worth telling."""
    candidates = filter(None, map(folded, names_of(price)))
    best = max((_likeness_to(wanted, pairs, candidate) for candidate in candidates), default=0)
    return best if best >= _LEAST_LIKENESS_PERCENT else 0


def _likeness_to(wanted: str, pairs: frozenset[str], candidate: str) -> int:
    if wanted == candidate:
        return 200
    others = _pairs(candidate)
    shared = len(pairs & others)
    likeness = 200 * shared // (len(pairs) + len(others))
    if len(wanted) >= 3 and (candidate.startswith(wanted) or wanted.startswith(candidate)):
        return max(likeness, 60) + 40
    if len(wanted) >= 3 and wanted in candidate:
        return max(likeness, 50)
    return likeness


def _pairs(text: str) -> frozenset[str]:
    """The neighbouring characters of a text, with its ends marked: a typing error touches only two or three of them."""
    marked = f"^{text}$"
    return frozenset(marked[index : index + 2] for index in range(len(marked) - 1))
