"""What the database's clock says, without asking it again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class DatabaseClock:
    """The database's time as it was last told, and what has passed since. Never ahead of it; behind by one answer."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._told: tuple[datetime, float] | None = None

    def note(self, now: datetime) -> None:
        """The database has just answered that it was now."""
        self._told = (now, self._monotonic())

    def is_past(self, instant: datetime) -> bool:
        """Whether the instant has come, by the database's clock; False while nothing is known of that."""
        if self._told is None:
            return False
        now, told_at_seconds = self._told
        return now + timedelta(seconds=self._monotonic() - told_at_seconds) >= instant
