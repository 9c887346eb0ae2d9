"""The price list as CSV (RFC 4180, UTF-8), for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from rules.pricing.price_book import Price, PriceBook
from rules.pricing.tokens import format_tokens
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
_FORMULA_MARKS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(book: PriceBook) -> Iterator[str]:
    """A line of column names, then one for each price in the book's order, each with its line's end."""
    yield _line(COLUMNS)
    for price in book.prices:
        yield _line(_cells(price))


def _cells(price: Price) -> tuple[str, ...]:
    """Amounts as decimals without grouping; empty where there is nothing, also for a cost that nothing bounds."""
    bounds = price.bounds
    return (
        price.model,
        _text(price.name),
        _text(price.category),
        _text(price.provider),
        _text(price.tier),
        "yes" if price.premium else "no",
        price.pricing_type.value.lower(),
        format_tokens(bounds.first_micros),
        format_tokens(bounds.least_micros),
        "" if bounds.greatest_micros is None else format_tokens(bounds.greatest_micros),
        _text(params_text(price)),
        _text(price.notes),
    )


def _text(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula: one that looks like it begins with an apostrophe."""
    text = text or ""
    return f"'{text}" if text.lstrip().startswith(_FORMULA_MARKS) else text


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()
