"""Projects: labels of work with what it is expected to cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

BUFFER_PERCENT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an account; `name` is the label that work carries. Amounts in micro-tokens.

    `own_budget` None: the budget follows from estimate and buffer. `actual` is what was spent so far, net of refunds.
    """

    account_id: UUID
    name: str
    estimate: int | None
    buffer_percent: int
    own_budget: int | None
    actual: int
    created_at: datetime
    archived_at: datetime | None = None

    @property
    def budget(self) -> int | None:
        """What it may cost: as given, else the estimate with its buffer; None where neither is known."""
        return self.own_budget if self.own_budget is not None else budget_of(self.estimate, self.buffer_percent)


def budget_of(estimate: int | None, buffer_percent: int) -> int | None:
    """The estimate with a buffer of so many percent, rounded up to a micro-token."""
    return None if estimate is None else -(-estimate * (100 + buffer_percent) // 100)
