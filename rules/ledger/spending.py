"""What an account, a member or a project has spent and has on hold in its running windows, beside its limits.

Amounts are micro-tokens, instants UTC. A hold counts in the windows in which it began, with all that it adds and gives
back; so a window that is over needs no row, because nothing is decided by it any more.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.kinds import LimitPeriod, LimitScope

NO_LIMIT = -1
"""A limit that says there is none, whatever the default says."""


@dataclass(slots=True)
class Window:
    """One period's count. `starts_at` None: nothing was counted yet; the period TOTAL never has instants.

    `limit` None: none is set here (a member then has the default for members); NO_LIMIT: none, whatever the default.
    """

    limit: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    consumed: int = 0


@dataclass(slots=True)
class Spending:
    """A scope's counts by period, and when its latest runs began."""

    day: Window = field(default_factory=Window)
    week: Window = field(default_factory=Window)
    month: Window = field(default_factory=Window)
    total: Window = field(default_factory=Window)
    day_warned: int = 0
    """The greatest percentage of the day's limit that was told of in the running day; 0: none."""
    day_warned_limit: int | None = None
    """The limit that it was a percentage of; where another one holds by now, what was told is judged anew."""
    runs: bytes = b""
    """The instants of the latest runs, oldest first, each as eight bytes of microseconds since 1970."""

    def snapshot(self) -> Spending:
        """A copy that later counting leaves alone. Written out: a deep copy costs ten times as much."""
        return replace(self, day=copy(self.day), week=copy(self.week), month=copy(self.month), total=copy(self.total))

    def window(self, period: LimitPeriod) -> Window:
        """The count of one period."""
        if period is LimitPeriod.DAY:
            return self.day
        if period is LimitPeriod.WEEK:
            return self.week
        return self.month if period is LimitPeriod.MONTH else self.total


class Scope(NamedTuple):
    """Whose spending: the account's, a member's or a project's; a MEMBER without an id is the default for members."""

    kind: LimitScope
    member_id: UUID | None = None
    project: str | None = None


ACCOUNT_SCOPE = Scope(LimitScope.ACCOUNT)
MEMBER_DEFAULT = Scope(LimitScope.MEMBER)
