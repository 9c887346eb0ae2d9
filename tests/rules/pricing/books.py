"""Builders of small price books for tests."""

from __future__ import annotations

from pathlib import Path

from rules.pricing.price_book import PriceBook
from rules.pricing.rating import LineRequest, Priced, PricedLine, PricingRefusal, Purpose, price_lines
from rules.pricing.toml import Fault, read_price_book

PRICE_BOOKS = Path(__file__).parents[3] / "pricebooks"
HEADER = 'slug = "test"\nname = "Test"\ncurrency = "usd"\n'


def a_book(text: str) -> PriceBook:
    """A book of these prices, which must be sound."""
    book = read_price_book(HEADER + text)
    assert isinstance(book, PriceBook), "\n".join(map(str, book))
    return book


def a_book_with(price: str) -> PriceBook:
    """A book with one price for the model "work"."""
    return a_book(f'[[prices]]\nname = "Work"\ncategory = "image"\n{price}')


def faults_of(text: str) -> tuple[Fault, ...]:
    """The faults of a book that must have some."""
    faults = read_price_book(text)
    assert isinstance(faults, tuple), "the book is sound"
    return faults


def a_shipped_book(slug: str) -> PriceBook:
    """A book of those that come with the server."""
    book = read_price_book((PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8"))
    assert isinstance(book, PriceBook), "\n".join(map(str, book))
    return book


def priced(
    book: PriceBook,
    params: dict[str, object] | None = None,
    *,
    model: str = "work",
    count: int = 1,
    purpose: Purpose = Purpose.ESTIMATE,
) -> PricedLine:
    """One line that must have a price."""
    answer = price_lines(book, [LineRequest(model, params or {}, count)], purpose=purpose)
    assert isinstance(answer, Priced), answer
    return answer.lines[0]


def refused(
    book: PriceBook,
    params: dict[str, object] | None = None,
    *,
    model: str = "work",
    count: int = 1,
    purpose: Purpose = Purpose.ESTIMATE,
) -> PricingRefusal:
    """One line's refusal."""
    answer = price_lines(book, [LineRequest(model, params or {}, count)], purpose=purpose)
    assert not isinstance(answer, Priced), answer
    return answer
