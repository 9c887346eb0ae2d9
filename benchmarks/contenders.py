"""What is measured: several ways to do the same work, and the work itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from rules.ledger.commands import Line
from rules.ledger.line_codec import encode_lines
from rules.pricing.tokens import MICROS

AMOUNT_MICROS: Final = 5 * MICROS
"""What every reserve sets aside."""

GRANTS_MICROS: Final = (10**9 * MICROS, 10**9 * MICROS)
"""An account's grants in burn order: more than a run can spend, so that no reserve is refused."""

HOLD_TTL_SECONDS: Final = 86_400
"""Longer than any run, so that nothing falls due in it."""

PRICED_LINE: Final = Line(
    ref="render 1",
    model="imagen-4-ultra",
    category="image",
    params_json='{"size":"1024x1024"}',
    count=1,
    cost=AMOUNT_MICROS,
    price_book_version=1,
)
LINES_JSON: Final = encode_lines((PRICED_LINE,))


@dataclass(frozen=True, slots=True)
class Reserved:
    """A hold that is committed to the database. `replayed`: it was made before, under the same key."""

    hold_id: int
    replayed: bool


class Contender(Protocol):
    """One way to reserve tokens, durably, once per key, never more than there are."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    async def open_account(self, name: str, grants_micros: Sequence[int]) -> UUID:
        """Makes an account with these grants, in burn order."""

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets tokens aside; None when there are too few. The answer comes after the commit."""

    async def count_holds(self) -> int:
        """How many holds are in the database."""

    async def contradictions(self) -> list[str]:
        """What in the database does not add up; empty when all is well."""


def fingerprint_of(key: str, amount_micros: int) -> bytes:
    """A digest of the request, as long as a real one."""
    return hashlib.sha256(f"{key} {amount_micros}".encode()).digest()


@cache
def statement(name: str) -> str:
    """The text of benchmarks/sql/<name>.sql."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")
