"""Two price books compared as they are written: every key that was added, removed or given another value."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rules.pricing.changes import BookChanges, TextChange, price_changes
from rules.pricing.exact_numbers import NumberOutOfForm, exact_number, number_text
from rules.pricing.price_book import PriceBook
from rules.pricing.slugs import model_slug

MAX_TEXT_CHANGES = 500
"""Further ones are only counted: nobody reads more before publishing."""

MAX_SHOWN_CHARACTERS = 200
"""Of a value; the rest is cut off."""

_PRICES = "prices"
_IDENTITIES = ("model", "id", "name")
"""The keys by which a table in a list is known, so that one put in between does not make all the others differ."""


def book_changes(before: tuple[str, PriceBook] | None, after: tuple[str, PriceBook]) -> BookChanges:
    """Everything that differs between two sound books, each given with its text. `before` None: all of it is new."""
    if before is None:
        return BookChanges(added=tuple(after[1].prices_by_model))
    added, removed, changed = price_changes(before[1], after[1])
    passed_over = {f"{_PRICES}[{model}]" for model in (*added, *removed)}
    texts = _text_changes(_values(before[0], passed_over), _values(after[0], passed_over))
    return BookChanges(added, removed, changed, tuple(texts[:MAX_TEXT_CHANGES]), len(texts))


def _text_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[TextChange]:
    gone = [TextChange(path, _cut(text), None) for path, text in before.items() if path not in after]
    other = [
        TextChange(path, None if was is None else _cut(was), _cut(text))
        for path, text in after.items()
        if (was := before.get(path)) != text
    ]
    return gone + other


def _values(source: str, passed_over: set[str]) -> dict[str, str]:
    """Every value of a text by its path, without the tables whose paths are passed over."""
    return dict(_leaves(tomllib.loads(source, parse_float=Decimal), "", passed_over))


def _leaves(value: object, path: str, passed_over: set[str]) -> Iterator[tuple[str, str]]:
    if path in passed_over:
        return
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, f"{path}.{key}" if path else key, passed_over)
    elif isinstance(value, list) and value and all(isinstance(member, dict) for member in value):
        for name, member in zip(_names(path, value), value, strict=True):
            yield from _leaves(member, f"{path}[{name}]", passed_over)
    else:
        yield path, _text(value)


def _names(path: str, tables: Sequence[Mapping[str, object]]) -> Sequence[str]:
    """What the tables of a list are called: by a name of their own where each has another one, else by position."""
    if path == _PRICES:
        return [str(table.get("model") or model_slug(str(table.get("name")))) for table in tables]
    for key in _IDENTITIES:
        names = [str(table[key]) for table in tables if key in table]
        if len(names) == len(tables) == len(set(names)):
            return names
    return [str(position) for position in range(len(tables))]


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            try:
                return number_text(exact_number(value))
            except NumberOutOfForm:
                return str(value)
        case list():
            return f"[{', '.join(_text(member) for member in value)}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_text(member)}' for key, member in value.items())}}}"
        case _:
            return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[: MAX_SHOWN_CHARACTERS - 1]}…"
