"""Price books for the console: a file's faults, what is in a book, what one changes of another, a list of versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rules.pricing.changes import BookChanges, PriceChange, TextChange
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import format_tokens
from rules.pricing.toml import Fault
from rules.pricing.toml.reader import MAX_SOURCE_CHARACTERS

if TYPE_CHECKING:
    from services.publishing import Publication, VersionRecord

SOURCE_BYTES_MAX: Final = 4 * MAX_SOURCE_CHARACTERS
"""No character takes more than four bytes; a longer file is refused unread."""

NO_CHANGES: Final = "  nothing"


def read_source(path: Path) -> str | Fault:
    """A file's text, or why it has none. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(SOURCE_BYTES_MAX + 1)
    if len(content) > SOURCE_BYTES_MAX:
        return Fault(None, "", f"The file has more than {SOURCE_BYTES_MAX} bytes; it is no price book.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault(content[: error.start].count(b"\n") + 1, "", "This is not UTF-8; save the file in that encoding.")


def fault_line(path: Path, fault: Fault) -> str:
    """A fault as editors find it: file:line: path: message."""
    place = str(path) if fault.line is None else f"{path}:{fault.line}"
    return f"{place}: {fault.path}: {fault.message}" if fault.path else f"{place}: {fault.message}"


def summary(book: PriceBook) -> str:
    """What is in a sound book, in one line."""
    categories = Counter(price.category for price in book.prices)
    parts = [f"{_number(len(book.prices), 'price')} ({', '.join(f'{n} {name}' for name, n in categories.items())})"]
    parts.append(_range(book))
    for what, things in (("package", book.packages), ("plan", book.plans), ("worked example", book.examples)):
        if things:
            parts.append(_number(len(things), what))
    return f"{book.slug}: {'; '.join(parts)}"


def _range(book: PriceBook) -> str:
    least = min(book.prices, key=lambda price: price.bounds.least_micros)
    text = f"a use costs from {format_tokens(least.bounds.least_micros)} ({least.model})"
    bounded = [
        (price.bounds.greatest_micros, price.model) for price in book.prices if price.bounds.greatest_micros is not None
    ]
    if bounded:
        greatest, model = max(bounded, key=lambda pair: pair[0])
        text += f" to {format_tokens(greatest)} tokens ({model})"
    endless = sum(price.bounds.greatest_micros is None for price in book.prices)
    return f"{text}, {endless} without an upper bound" if endless else text


def changes_text(publication: Publication) -> Iterator[str]:
    """What a version changes, line by line: models added (+), removed (-), priced anew (~), then key by key."""
    changes, book = publication.changes, publication.published.book
    for model in changes.added:
        yield f"  + {model}: {format_tokens(book.prices_by_model[model].bounds.first_micros)}"
    for model in changes.removed:
        yield f"  - {model}"
    for change in changes.changed:
        yield f"  ~ {_price_change(change)}"
    for text in changes.texts:
        yield f"    {_text_change(text)}"
    if changes.text_count > len(changes.texts):
        yield f"    … and {changes.text_count - len(changes.texts)} more keys"
    if changes == BookChanges():
        yield NO_CHANGES


def _price_change(change: PriceChange) -> str:
    before, after = change.before, change.after
    text = f"{change.model}: {_from_to(before.first_micros, after.first_micros)}"
    least = before.least_micros, after.least_micros
    greatest = before.greatest_micros, after.greatest_micros
    if {*least, *greatest} <= {before.first_micros, after.first_micros} and least == greatest:
        return text
    return f"{text} (least {_from_to(*least)}, greatest {_from_to(*greatest)})"


def _from_to(before: int | None, after: int | None) -> str:
    return _tokens(before) if before == after else f"{_tokens(before)} → {_tokens(after)}"


def _tokens(micros: int | None) -> str:
    return "unbounded" if micros is None else format_tokens(micros)


def _text_change(change: TextChange) -> str:
    match change:
        case TextChange(path, None, after):
            return f"{path}: {after} (new)"
        case TextChange(path, before, None):
            return f"{path}: {before} (gone)"
        case TextChange(path, before, after):
            return f"{path}: {before} → {after}"


def versions_text(records: Sequence[VersionRecord]) -> Iterator[str]:
    """A table of versions; the one in force is marked."""
    yield f"  {'version':>7}  {'published':<20}  {'in force from':<20}  book"
    for record in records:
        mark = "*" if record.in_force else " "
        dates = f"{instant_text(record.published_at):<20}  {instant_text(record.effective_at):<20}"
        yield f"{mark} {record.version:>7}  {dates}  {record.slug} ({record.name})"


def instant_text(instant: datetime) -> str:
    """An instant to the second, in UTC."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
