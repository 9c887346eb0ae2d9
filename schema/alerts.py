"""Alerts: what an account is warned of, and the events that told of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from operator import attrgetter
from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.alerting import AlertEvent as AlertEventRow
from rules.ledger.alerting import Alerting
from rules.ledger.records import AlertFilter, Slice
from schema.connections import Connection, Listing, connection
from schema.described import output
from schema.nodes import Node, shown_id, shown_id_or_none, shown_member_id
from schema.reads import LedgerReads
from schema.scalars import Tokens, Version
from schema.words import AlertKind, LimitScope


@output
class AlertSettings:
    """What an account is warned of, beside having nothing left, which it always is. Each list falls."""

    low_balance_percents: list[int]
    """Percentages of the mark (what was available after tokens last came in) below which the balance is low."""
    low_balance_tokens: list[Tokens]
    """Amounts of tokens below which the balance is low."""
    daily_limit_percents: list[int]
    """Percentages of a day's limit at which it is nearly reached."""


@output
class AlertEvent(Node):
    """Something that an account was warned of, recorded once with the change that made it."""

    account_id: strawberry.ID
    """Whose it is."""
    kind: AlertKind
    """What it tells of."""
    at: datetime
    """When that was."""
    version: Version
    """The account's latest entry then."""
    available: Tokens
    """What was available after it, of what is assigned to nobody."""
    threshold_percent: int | None
    """LOW_BALANCE and DAY_LIMIT: the threshold as a percentage; 0: nothing left."""
    threshold_tokens: Tokens | None
    """LOW_BALANCE: the threshold where it is an amount of tokens."""
    rearmed_at: datetime | None
    """LOW_BALANCE: when the threshold was armed again; null while it is still crossed."""
    scope: LimitScope | None
    """DAY_LIMIT: whose limit."""
    member_id: strawberry.ID | None
    """DAY_LIMIT: which member's."""
    project: str | None
    """DAY_LIMIT: which project's."""
    consumed: Tokens | None
    """DAY_LIMIT: what was spent and on hold in the day."""
    limit: Tokens | None
    """DAY_LIMIT: the limit in force then."""
    grant_id: strawberry.ID | None
    """GRANT_EXPIRING: the grant."""
    amount: Tokens | None
    """GRANT_EXPIRING: what was left of it and not on hold."""
    expires_at: datetime | None
    """GRANT_EXPIRING: when its tokens end. DAY_LIMIT: when the day does."""


@output
class LowBalanceWarning:
    """A threshold that what is available fell below, or that nothing is left."""

    id: strawberry.ID
    """The crossing's, the same whenever it is sent, and that of its event in `alertEvents`: keep one of each."""
    account_id: strawberry.ID
    """Whose balance it is."""
    version: Version
    """The journal entry that it was crossed with."""
    available: Tokens
    """What was available after that, of what is assigned to nobody."""
    threshold_percent: int | None
    """The threshold crossed, as a percentage of the mark; 0: nothing left."""
    threshold_tokens: Tokens | None
    """The threshold crossed, where it is an amount of tokens."""
    snapshot: bool
    """Whether it was crossed before the subscription started, and still is."""
    auto_top_up: bool
    """Whether tokens are bought automatically when the balance is low; nothing does that yet, so it is false."""
    at: datetime
    """When it was crossed."""


def shown_alert_settings(alerting: Alerting) -> AlertSettings:
    """Thresholds as they are shown."""
    return AlertSettings(
        low_balance_percents=list(alerting.balance_percents),
        low_balance_tokens=[Tokens(amount) for amount in alerting.balance_tokens],
        daily_limit_percents=list(alerting.day_limit_percents),
    )


def shown_alert_event(account_id: UUID, event: AlertEventRow) -> AlertEvent:
    """An event of an account as it is shown."""
    return AlertEvent(
        id=shown_id(IdKind.ALERT, account_id, event.event_id),
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        kind=event.kind,
        at=event.at,
        version=Version(event.version),
        available=Tokens(event.available),
        threshold_percent=event.threshold_percent,
        threshold_tokens=_tokens(event.threshold_tokens),
        rearmed_at=event.rearmed_at,
        scope=event.scope.kind if event.scope is not None else None,
        member_id=shown_member_id(account_id, event.scope.member_id) if event.scope is not None else None,
        project=event.scope.project if event.scope is not None else None,
        consumed=_tokens(event.consumed),
        limit=_tokens(event.limit),
        grant_id=shown_id_or_none(IdKind.GRANT, account_id, event.grant_id),
        amount=_tokens(event.amount),
        expires_at=event.expires_at,
    )


def shown_warning(account_id: UUID, crossing: AlertEventRow, *, snapshot: bool) -> LowBalanceWarning:
    """A crossing as its subscribers are shown it."""
    return LowBalanceWarning(
        id=shown_id(IdKind.ALERT, account_id, crossing.event_id),
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        version=Version(crossing.version),
        available=Tokens(crossing.available),
        threshold_percent=crossing.threshold_percent,
        threshold_tokens=_tokens(crossing.threshold_tokens),
        snapshot=snapshot,
        auto_top_up=False,
        at=crossing.at,
    )


async def shown_alert_events(
    reads: LedgerReads, tenant_id: UUID, account_id: UUID, part: Slice[int], wanted: AlertFilter
) -> Connection[AlertEvent]:
    """A page of an account's events as it is shown."""
    return connection(
        Listing.ALERT_EVENTS,
        await reads.alert_events(tenant_id, account_id, part, wanted),
        partial(shown_alert_event, account_id),
        attrgetter("event_id"),
        partial(reads.count_alert_events, tenant_id, account_id, wanted),
        follows=part.after is not None,
    )


def _tokens(amount: int | None) -> Tokens | None:
    return None if amount is None else Tokens(amount)
