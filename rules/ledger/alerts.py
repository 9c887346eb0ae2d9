"""Alerts: thresholds that what is available crosses, grants about to expire, days whose limit is nearly reached.

Each event is recorded with the change that made it, once. A threshold is crossed when what is available falls below
it, that of 0 when nothing is left; it is armed again when incoming tokens lift what is available to it or beyond, else
at 5 % more. Steps are compared, not entries: one command or one thing that fell due is told of as a whole.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from rules.ledger.alerting import LOW_BALANCE_PERCENTS, AlertEvent, Alerting, Threshold
from rules.ledger.burn_down import available_in_pool
from rules.ledger.commands import SetAlerts
from rules.ledger.entries import append
from rules.ledger.journal import Entry
from rules.ledger.kinds import AlertKind, EntryKind, GrantSource, LimitPeriod
from rules.ledger.limits import effective_limit, running_day, spending_of
from rules.ledger.refusals import CLOSED
from rules.ledger.spending import ACCOUNT_SCOPE, Scope, Spending
from rules.ledger.state import Account, AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens

BOUNDLESS: Final = 2**63
"""What is available to an unlimited account: more than any threshold."""

NOTICE: Final = timedelta(days=7)
SHORT_NOTICE: Final = timedelta(days=1)
SHORT_LIFE: Final = timedelta(days=8)
"""A grant that lives no longer than this is told of at short notice."""


def counted_available(state: AccountState) -> int:
    """What thresholds are compared with: what everyone may spend."""
    return BOUNDLESS if state.account.unlimited else available_in_pool(state)


def conclude_step(state: AccountState, before: int, version: int, daily_limit: int | None = None) -> None:
    """Records what a step has come to: what was available before it, and the account's version then.

    `daily_limit` is the price book's, as in `Command`.
    """
    account = state.account
    after = counted_available(state)
    if after < before:
        # On the hot path this is all: the account is not low.
        if _is_low(account, after):
            _cross(state, before, after)
    elif after > before and account.alerting is not None and account.alerting.crossed:
        steps = account.version - version
        _rearm(state, after, came_in=steps > 0 and any(_comes_in(state, entry) for entry in state.entries[-steps:]))
    if state.grown:
        _tell_day_limits(state, daily_limit)
    if state.noticed:
        for grant_id in sorted(state.noticed):
            give_notice(state, state.grants[grant_id], account.last_at)
        state.noticed.clear()


def set_alerts(state: AccountState, command: SetAlerts, now: datetime) -> InvalidInput | None:
    """Changes thresholds, with one ADJUSTMENT entry where they really change.

    A new threshold that the balance is below already is crossed now. One that is given up is no longer crossed. So with
    the account's own day, and a percentage of its limit that is reached already, beyond those that were told of.
    """
    account = state.account
    if account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    known = account.alerting or Alerting()
    percents = _falling(command.balance_percents, known.balance_percents)
    amounts = _falling(command.balance_tokens, known.balance_tokens)
    day_percents = _falling(command.day_limit_percents, known.day_limit_percents)
    changes = [
        f"{name} {_shown(before)} -> {_shown(after)}"
        for name, before, after in (
            ("lowBalancePercents", known.balance_percents, percents),
            ("lowBalanceTokens", tuple(map(format_tokens, known.balance_tokens)), tuple(map(format_tokens, amounts))),
            ("dailyLimitPercents", known.day_limit_percents, day_percents),
        )
        if before != after
    ]
    if not changes:
        return None
    before, known_days = {threshold.key for threshold in known.thresholds}, known.day_limit_percents
    account.alerting = known
    known.balance_percents, known.balance_tokens, known.day_limit_percents = percents, amounts, day_percents
    append(state, EntryKind.ADJUSTMENT, now, note=", ".join(changes))
    kept = {threshold.key for threshold in known.thresholds}
    for key in [key for key in known.crossed if key not in kept]:
        state.rearmed_alerts[known.crossed.pop(key)] = account.last_at
    available = counted_available(state)
    for threshold in _by_rank(known, account.mark):
        if threshold.key not in before and threshold.is_under(available, account.mark):
            _record_crossing(state, threshold)
    if day_percents != known_days:
        judge_day_anew(state, ACCOUNT_SCOPE, command.daily_limit)
    return None


def notice_instant(created_at: datetime, expires_at: datetime) -> datetime | None:
    """When to tell that a grant is about to expire: 7 days before, or 1 day where it lives 8 days at most.

    None: it does not live for even a day.
    """
    notice_at = expires_at - (NOTICE if expires_at - created_at > SHORT_LIFE else SHORT_NOTICE)
    return notice_at if notice_at > created_at else None


def give_notice(state: AccountState, grant: Grant, at: datetime) -> None:
    """Tells once that what no hold has set aside of a grant is about to expire; while that is nothing, it can wait."""
    if grant.notice_at is None or grant.ended is not None or grant.unheld <= 0 or grant.is_expired(at):
        return
    grant.notice_at = None
    state.changed_grants.add(grant.grant_id)
    _record(
        state,
        AlertKind.GRANT_EXPIRING,
        max(at, state.account.last_at),
        grant_id=grant.grant_id,
        amount=grant.unheld,
        expires_at=grant.expires_at,
    )


def _tell_day_limits(state: AccountState, daily_limit: int | None) -> None:
    for scope, before in state.grown.items():
        limit = effective_limit(state, scope, LimitPeriod.DAY, daily_limit)
        if limit is not None:
            tell_day_limit(state, scope, spending_of(state, scope), limit, before)
    state.grown.clear()


def judge_day_anew(state: AccountState, scope: Scope, daily_limit: int | None) -> None:
    """Tells of what a change of a scope's limit, or of the percentages, has come to; the caller marks the scope.

    Only scopes whose setting was changed itself are judged at once. Where a default was changed, the one for members or
    the price book's, that would be any number of rows: each is judged when it next consumes anything.
    """
    spending, limit = spending_of(state, scope), effective_limit(state, scope, LimitPeriod.DAY, daily_limit)
    if limit is not None:
        _tell_of_day(state, scope, spending, limit, spending.day.consumed)
    elif spending.day_warned:
        spending.day_warned = 0


def tell_day_limit(state: AccountState, scope: Scope, spending: Spending, limit: int | None, before: int) -> None:
    """Tells of each percentage of the day's limit that its consumption has reached, once per window and limit.

    `limit` is the one in force there (None or below 0: none), `before` what was consumed in the same window before the
    step. Whoever begins a new window sets `day_warned` to 0 and marks the scope as changed. Of a day that is over, to
    which a hold that began in it has added, nothing is told: its limit binds nobody any more.
    """
    if limit is not None and limit >= 0 and spending.day.consumed > before:
        _tell_of_day(state, scope, spending, limit, before)


def _tell_of_day(state: AccountState, scope: Scope, spending: Spending, limit: int, before: int) -> None:
    today, consumed = running_day(state, spending, state.account.last_at), spending.day.consumed
    if today is None:
        return
    percents = (state.account.alerting or Alerting()).day_limit_percents
    if spending.day_warned and (spending.day_warned_limit != limit or spending.day_warned not in percents):
        # Of what was told, only what `before` comes to under the limit and the percentages of now is not told again.
        reached = (percent for percent in percents if _reaches(before, percent, limit))
        spending.day_warned = max((percent for percent in reached if percent <= spending.day_warned), default=0)
        spending.day_warned_limit = limit
    for percent in sorted(percents):
        if percent > spending.day_warned and _reaches(consumed, percent, limit):
            spending.day_warned, spending.day_warned_limit = percent, limit
            _record(
                state,
                AlertKind.DAY_LIMIT,
                state.account.last_at,
                threshold_percent=percent,
                scope=scope,
                consumed=consumed,
                limit=limit,
                expires_at=today.ends_at,
            )


def _reaches(consumed: int, percent: int, limit: int) -> bool:
    """Whether so much is this percentage of a limit; nothing is none of it, also where the limit is 0."""
    return consumed > 0 and consumed * 100 >= percent * limit


def _is_low(account: Account, available: int) -> bool:
    """Whether so much is below the highest threshold, or nothing is left."""
    alerting = account.alerting
    if alerting is None:
        return available * 100 < LOW_BALANCE_PERCENTS[0] * account.mark or available <= 0
    return available * 100 < alerting.low_percent * account.mark or available < alerting.low_tokens or available <= 0


def _cross(state: AccountState, before: int, after: int) -> None:
    account = state.account
    alerting = account.alerting or Alerting()
    for threshold in _by_rank(alerting, account.mark):
        falls_below = threshold.is_under(after, account.mark) and not threshold.is_under(before, account.mark)
        if falls_below and threshold.key not in alerting.crossed:
            _record_crossing(state, threshold)


def _rearm(state: AccountState, after: int, *, came_in: bool) -> None:
    account = state.account
    alerting = account.alerting
    if alerting is None:
        return
    for threshold in alerting.thresholds:
        if threshold.key not in alerting.crossed:
            continue
        is_armed = (
            not threshold.is_under(after, account.mark) if came_in else threshold.is_left_behind(after, account.mark)
        )
        if is_armed:
            state.rearmed_alerts[alerting.crossed.pop(threshold.key)] = account.last_at


def _comes_in(state: AccountState, entry: Entry) -> bool:
    """Whether an entry brought tokens in: not what came back, lives on, or was only assigned."""
    if entry.kind is EntryKind.TRANSFER:
        return entry.total_change > 0
    if entry.kind is not EntryKind.GRANT or entry.grant_id is None:
        return False
    grant = state.grants[entry.grant_id]
    return not grant.grace and grant.source is not GrantSource.ASSIGNMENT


def _record_crossing(state: AccountState, threshold: Threshold) -> None:
    event = _record(
        state,
        AlertKind.LOW_BALANCE,
        state.account.last_at,
        threshold_percent=threshold.percent,
        threshold_tokens=threshold.tokens,
    )
    _alerting(state.account).crossed[threshold.key] = event.event_id


def _record(
    state: AccountState,
    kind: AlertKind,
    at: datetime,
    *,
    threshold_percent: int | None = None,
    threshold_tokens: int | None = None,
    scope: Scope | None = None,
    consumed: int | None = None,
    limit: int | None = None,
    grant_id: int | None = None,
    amount: int | None = None,
    expires_at: datetime | None = None,
) -> AlertEvent:
    account = state.account
    alerting = _alerting(account)
    alerting.events += 1
    event = AlertEvent(
        event_id=alerting.events,
        kind=kind,
        at=at,
        version=account.version,
        available=available_in_pool(state),
        threshold_percent=threshold_percent,
        threshold_tokens=threshold_tokens,
        scope=scope,
        consumed=consumed,
        limit=limit,
        grant_id=grant_id,
        amount=amount,
        expires_at=expires_at,
    )
    state.new_alerts.append(event)
    state.account_changed = True
    return event


def _alerting(account: Account) -> Alerting:
    if account.alerting is None:
        account.alerting = Alerting()
    return account.alerting


def _by_rank(alerting: Alerting, mark: int) -> list[Threshold]:
    """The thresholds in falling order."""
    return sorted(alerting.thresholds, key=lambda threshold: threshold.rank(mark))


def _falling(given: tuple[int, ...] | None, known: tuple[int, ...]) -> tuple[int, ...]:
    return known if given is None else tuple(sorted(given, reverse=True))


def _shown(values: tuple[int, ...] | tuple[str, ...]) -> str:
    return f"[{', '.join(map(str, values))}]"
