"""What an account is warned of, and the events that told of it. Amounts are micro-tokens, instants UTC."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from rules.ledger.kinds import AlertKind
from rules.ledger.spending import Scope

LOW_BALANCE_PERCENTS = (20, 10)
DAY_LIMIT_PERCENTS = (80,)
REARM_PERCENT = 5
"""How far above a threshold arms it again where no tokens come in: points of the mark, or that share of an amount."""


class Threshold(NamedTuple):
    """A low-balance threshold: a percentage of the mark (0: nothing left), or an amount of tokens."""

    percent: int | None = None
    tokens: int | None = None

    @property
    def key(self) -> str:
        """Its name among those that are crossed."""
        return f"{self.percent}%" if self.tokens is None else str(self.tokens)

    def is_under(self, available: int, mark: int) -> bool:
        """Whether so much available is below it; 0 is reached, not fallen below."""
        if self.tokens is not None:
            return available < self.tokens
        percent = self.percent or 0
        return available * 100 < percent * mark if percent > 0 else available <= 0

    def is_left_behind(self, available: int, mark: int) -> bool:
        """Whether so much available is far enough above it to arm it again although no tokens came in."""
        if self.tokens is not None:
            return available * 100 >= self.tokens * (100 + REARM_PERCENT)
        return available > 0 and available * 100 >= ((self.percent or 0) + REARM_PERCENT) * mark

    def rank(self, mark: int) -> tuple[int, bool]:
        """Greater thresholds first; where two are equal, the percentage before the amount."""
        hundredths = self.tokens * 100 if self.tokens is not None else (self.percent or 0) * mark
        return -hundredths, self.tokens is not None


NOTHING_LEFT = Threshold(percent=0)
"""The threshold that every account has, whatever it has set."""


@dataclass(slots=True)
class Alerting:
    """The thresholds of an account, falling; `crossed` is the event of each threshold that is crossed now.

    A key of `crossed` is a percentage such as "20%", or an amount of micro-tokens such as "5000000".
    """

    balance_percents: tuple[int, ...] = LOW_BALANCE_PERCENTS
    balance_tokens: tuple[int, ...] = ()
    day_limit_percents: tuple[int, ...] = DAY_LIMIT_PERCENTS
    crossed: dict[str, int] = field(default_factory=dict)
    events: int = 0
    """How many events the account has had: the next one's id is one more."""

    def snapshot(self) -> Alerting:
        """A copy that later crossings leave alone."""
        return replace(self, crossed=self.crossed.copy())

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """Every low-balance threshold, that of nothing left included."""
        percents = (Threshold(percent=percent) for percent in self.balance_percents if percent > 0)
        return (*percents, *(Threshold(tokens=amount) for amount in self.balance_tokens), NOTHING_LEFT)

    @property
    def low_percent(self) -> int:
        """The highest percentage of the mark below which the balance is low; 0 where none is set."""
        return self.balance_percents[0] if self.balance_percents else 0

    @property
    def low_tokens(self) -> int:
        """The highest amount below which the balance is low; 0 where none is set."""
        return self.balance_tokens[0] if self.balance_tokens else 0


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One event, written once with the change that made it. `available` as it was after that change.

    `expires_at` is when what it tells of ends by itself: a grant's tokens, a day's window. `rearmed_at` is when its
    threshold was armed again; the one thing that is written later.
    """

    event_id: int
    kind: AlertKind
    at: datetime
    version: int
    available: int
    threshold_percent: int | None = None
    threshold_tokens: int | None = None
    scope: Scope | None = None
    consumed: int | None = None
    limit: int | None = None
    grant_id: int | None = None
    amount: int | None = None
    expires_at: datetime | None = None
    rearmed_at: datetime | None = None
