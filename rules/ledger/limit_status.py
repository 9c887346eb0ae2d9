"""A limit as it is shown, and as a refusal tells of it. Amounts are micro-tokens, instants UTC."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.kinds import LimitLevel, LimitPeriod, LimitScope
from rules.ledger.spending import Scope


class LimitStatus(NamedTuple):
    """What one scope has consumed in the running window of one period, beside the limit that holds for it.

    `limit` None: none holds. Statuses of one limit are ordered by (version, as_of): the later of the version's instant
    and the window's beginning, so that a reset is seen to come after whatever was before it; for the same reason not
    before the price book came into force that the limit is of.
    """

    account_id: UUID
    scope: LimitScope
    period: LimitPeriod
    member_id: UUID | None
    project: str | None
    limit: int | None
    consumed: int
    """Spent and on hold, net of refunds, by holds that began in the window; so never below 0."""
    resets_at: datetime | None
    """When the window ends; None for TOTAL."""
    near_percent: int
    version: int
    as_of: datetime

    @property
    def remaining(self) -> int | None:
        """What may still be consumed before it resets, never below 0; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.consumed)

    @property
    def level(self) -> LimitLevel:
        """OK; NEAR from `near_percent` of the limit on; REACHED when nothing is left."""
        return self.level_after(0)

    def level_after(self, amount: int) -> LimitLevel:
        """The level that so much more consumption would lead to."""
        if self.limit is None:
            return LimitLevel.OK
        consumed = self.consumed + amount
        if consumed >= self.limit:
            return LimitLevel.REACHED
        return LimitLevel.NEAR if consumed * 100 >= self.limit * self.near_percent else LimitLevel.OK


def named(scope: Scope) -> str:
    """A scope in words, for the journal's notes."""
    if scope.kind is LimitScope.PROJECT:
        return f"{scope.kind} {scope.project}"
    if scope.kind is LimitScope.MEMBER:
        return f"{scope.kind} {scope.member_id if scope.member_id is not None else 'default'}"
    return scope.kind
