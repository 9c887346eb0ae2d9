"""The price list as CSV (RFC 4180, UTF-8), for spreadsheets and programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.pricing.price_book import Price, PriceBook
from rules.pricing.tokens import format_tokens
from server.csv_text import csv_line, csv_text
from server.price_list.wording import params_text

COLUMNS: Final = (
    "model",
    "name",
    "category",
    "provider",
    "tier",
    "premium",
    "pricing_type",
    "token_cost",
    "min_token_cost",
    "max_token_cost",
    "params",
    "notes",
)


def csv_lines(book: PriceBook) -> Iterator[str]:
    """A line of column names, then one for each price in the book's order, each with its line's end."""
    yield csv_line(COLUMNS)
    for price in book.prices:
        yield csv_line(_cells(price))


def _cells(price: Price) -> tuple[str, ...]:
    """Amounts as decimals without grouping; empty where there is nothing, also for a cost that nothing bounds."""
    bounds = price.bounds
    return (
        price.model,
        csv_text(price.name),
        csv_text(price.category),
        csv_text(price.provider),
        csv_text(price.tier),
        "yes" if price.premium else "no",
        price.pricing_type.value.lower(),
        format_tokens(bounds.first_micros),
        format_tokens(bounds.least_micros),
        "" if bounds.greatest_micros is None else format_tokens(bounds.greatest_micros),
        csv_text(params_text(price)),
        csv_text(price.notes),
    )
