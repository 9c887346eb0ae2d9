"""Usage by day: what is added to an account's sums with each capture and refund."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID


class UsageKey(NamedTuple):
    """Which sum: the local day of the capture or refund, and what it was spent for."""

    day: date
    member_id: UUID | None
    project: str | None
    model: str | None
    category: str | None


@dataclass(slots=True)
class UsageSum:
    """What is added: micro-tokens charged and refunded, uses, and captured lines."""

    charged: int = 0
    refunded: int = 0
    uses: int = 0
    operations: int = 0


class WorkKey(NamedTuple):
    """How work ended on a local day: its outcome, COMMITTED or EXPIRED."""

    day: date
    member_id: UUID | None
    project: str | None
    outcome: str
