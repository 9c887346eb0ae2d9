"""What an account is warned of, and the events that told of it. Amounts are micro-tokens, instants UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rules.ledger.kinds import AlertKind
from rules.ledger.spending import Scope

LOW_BALANCE_PERCENTS = (20, 10)
DAY_LIMIT_PERCENTS = (80,)


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


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One event, written once with the change that made it."""

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
