"""How these tests write amounts, instants, lines, entries and refusals.

Amounts go in as tokens (35, "0.4") and are shown as tokens; instants are counted from the beginning of every test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from rules.ledger.commands import AnyCommand, Line
from rules.ledger.journal import Entry
from rules.ledger.kinds import EntryKind
from rules.pricing.tokens import MICROS, parse_tokens

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANT = UUID(int=1)
ACCOUNT = UUID(int=2)
ELSEWHERE = UUID(int=3)
"""Another account of the tenant."""
PRICE_BOOK_VERSION = 1
DAY_SECONDS = 86_400

Amount = int | str


def tokens(amount: Amount) -> int:
    """Tokens as the micro-tokens that rows keep."""
    return parse_tokens(amount)


def in_tokens(micros: int) -> Decimal:
    """Micro-tokens as tokens, exactly."""
    return Decimal(micros) / MICROS


def after(seconds: float = 0, *, microseconds: int = 0) -> datetime:
    """An instant so long after the beginning of every test."""
    return START + timedelta(seconds=seconds, microseconds=microseconds)


def a_line(
    cost: Amount,
    *,
    model: str = "flux",
    ref: str | None = None,
    metered: bool = False,
    count: int = 1,
    category: str = "image",
) -> Line:
    """A priced line; `metered` ones are rounded once at the end of their hold."""
    return Line(ref, model, category, "{}", count, tokens(cost), PRICE_BOOK_VERSION, rounds_at_end=metered)


class Fact(NamedTuple):
    """One entry's kind and changes, in tokens."""

    kind: EntryKind
    total: Decimal
    held: Decimal
    owed: Decimal
    spent: Decimal


def fact(kind: str, total: Amount = 0, held: Amount = 0, owed: Amount = 0, spent: Amount = 0) -> Fact:
    """The entry that a test expects."""
    return Fact(EntryKind(kind), *(in_tokens(tokens(amount)) for amount in (total, held, owed, spent)))


class Refused(Exception):
    """The ledger refused; `refusal` says with what."""

    def __init__(self, command: AnyCommand, refusal: object) -> None:
        super().__init__(f"{type(command).__name__} was refused: {refusal}")
        self.refusal = refusal


@contextmanager
def refusal(expected: object) -> Iterator[None]:
    """Expects what is inside to be refused, with this very refusal or (given a type) one of its kind."""
    try:
        yield
    except Refused as refused:
        got = refused.refusal
        same = type(got) is expected if isinstance(expected, type) else got == expected
        assert same, f"refused with {got}, not {expected}"
    else:
        raise AssertionError(f"was not refused; expected {expected}")


def fact_of(entry: Entry) -> Fact:
    changes = (entry.total_change, entry.held_change, entry.owed_change, entry.spent)
    return Fact(entry.kind, *(in_tokens(change) for change in changes))
