"""How often somebody may be wrong: a limit on failed attempts in any stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final


@dataclass(frozen=True, slots=True)
class GuessLimit:
    """At most so many failures in any so many seconds."""

    failures_max: int
    within_seconds: int


ACCOUNT_GUESSES: Final = GuessLimit(10, 3_600)
"""Of one account: enough for typing errors. Against 6 characters of 36 it is nothing."""

TENANT_GUESSES: Final = GuessLimit(300, 600)
"""Of all accounts of a tenant together: whoever guesses may have many."""


def retry_after_seconds(failures: Sequence[datetime], limit: GuessLimit, now: datetime) -> int | None:
    """Whole seconds until another attempt may be made; None: now. `failures` ascend."""
    if len(failures) < limit.failures_max:
        return None
    free_at = failures[-limit.failures_max] + timedelta(seconds=limit.within_seconds)
    return ceil((free_at - now).total_seconds()) if now < free_at else None


def with_failure(failures: Sequence[datetime], limit: GuessLimit, now: datetime) -> tuple[datetime, ...]:
    """The failures that still count, with one more; never more than the limit."""
    return (*failures, now)[-limit.failures_max :]
