"""Limits: what an account, its members and its projects may consume in a window, counted where the balance is.

Every hold counts in four windows (day, week, month, all of time) of up to three scopes: the account, its member, its
project; whether or not a limit is set, so that a limit set later knows what was spent. It counts in the windows in
which it began, with all that it adds and gives back: a window's `consumed` is the sum, over the holds that began in it,
of what is captured, less refunded, plus what is still set aside.

The account's windows are the calendar of all its scopes. They roll on when something is begun beyond their end; the
scopes' windows follow them then. A window that is over stays as it is until then, because nothing rests on it.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rules.ledger.alerting import DAY_LIMIT_PERCENTS
from rules.ledger.burn_down import Spender
from rules.ledger.kinds import LimitLevel, LimitPeriod, LimitScope
from rules.ledger.limit_status import LimitStatus
from rules.ledger.refusals import LimitReached
from rules.ledger.spending import ACCOUNT_SCOPE, MEMBER_DEFAULT, NO_LIMIT, Scope, Spending, Window
from rules.ledger.state import Account, AccountState, Hold
from rules.ledger.windows import Stretch, boundary_not_before, window_of

PERIODS = (LimitPeriod.DAY, LimitPeriod.WEEK, LimitPeriod.MONTH, LimitPeriod.TOTAL)
"""In the order in which limits are listed, and in which the first of two that leave the same is told."""

_NEVER_SPENT = Spending()


def running(period: LimitPeriod, kept: Window, time_zone: str, now: datetime) -> Stretch:
    """The window that contains `now`, for every scope of an account; `kept` is the account's own of that period."""
    if kept.starts_at is None or kept.ends_at is None:
        return window_of(period, now, time_zone)
    if now < kept.ends_at:
        return Stretch(kept.starts_at, kept.ends_at)
    starts_at, ends_at = window_of(period, now, time_zone)
    # Windows never overlap, also where a newer calendar of time zones draws them differently.
    return Stretch(max(starts_at, kept.ends_at), ends_at)


def consumed_since(counted: Window, starts_at: datetime) -> int:
    """What is counted in a scope's window, if that is the one which began at this instant; else nothing yet."""
    return counted.consumed if counted.starts_at is not None and counted.starts_at >= starts_at else 0


def running_day(state: AccountState, spending: Spending, now: datetime) -> Stretch | None:
    """The day that contains `now`, if that is the one in which this scope's latest consumption is counted."""
    account = state.account
    if account.spending is None or spending.day.starts_at is None:
        return None
    today = running(LimitPeriod.DAY, account.spending.day, account.time_zone, now)
    return today if spending.day.starts_at >= today.starts_at else None


# Counting


def begin(state: AccountState, spender: Spender, now: datetime) -> None:
    """Rolls the windows of everybody whom a new hold counts for on to those that contain `now`."""
    account = state.account
    spending = account.spending
    if spending is None:
        spending = account.spending = Spending()
    day, week, month = spending.day, spending.week, spending.month
    if day.ends_at is None or now >= day.ends_at:
        _renew(day, running(LimitPeriod.DAY, day, account.time_zone, now))
        spending.day_warned = 0
    if week.ends_at is None or now >= week.ends_at:
        _renew(week, running(LimitPeriod.WEEK, week, account.time_zone, now))
    if month.ends_at is None or now >= month.ends_at:
        _renew(month, running(LimitPeriod.MONTH, month, account.time_zone, now))
    state.account_changed = True
    for scope in _scopes_of(spender):
        follower = state.scopes.get(scope)
        if follower is None:
            follower = state.scopes[scope] = Spending()
        _follow(follower, spending)
        state.changed_scopes.add(scope)


def count(state: AccountState, hold: Hold, amount: int) -> None:
    """Adds `amount`, below 0 for what is given back, to the windows in which the hold began."""
    if amount == 0:
        return
    spending = state.account.spending
    if spending is None:
        raise AssertionError(f"hold {hold.hold_id} was never counted")
    if amount > 0:
        state.grown.setdefault(ACCOUNT_SCOPE, spending.day.consumed)
    _add(spending, hold.created_at, amount)
    state.account_changed = True
    for scope in _scopes_of(hold):
        if amount > 0:
            state.grown.setdefault(scope, state.scopes[scope].day.consumed)
        _add(state.scopes[scope], hold.created_at, amount)
        state.changed_scopes.add(scope)


def change_calendar(account: Account, time_zone: str, now: datetime) -> None:
    """Gives the account another time zone: each running window ends at the first boundary there not before its old end.

    It keeps its count, and so does that of every scope, which follows the account's; nobody gets a second allowance.
    """
    spending = account.spending
    if spending is None:
        spending = account.spending = Spending()
    for period, kept in zip(PERIODS, (spending.day, spending.week, spending.month), strict=False):
        stretch = running(period, kept, account.time_zone, now)
        if kept.starts_at != stretch.starts_at:
            _renew(kept, stretch)
            if period is LimitPeriod.DAY:
                spending.day_warned = 0
        kept.ends_at = boundary_not_before(period, stretch.ends_at, time_zone)
    account.time_zone = time_zone


def _renew(kept: Window, stretch: Stretch) -> None:
    kept.starts_at, kept.ends_at = stretch
    kept.consumed = 0


def _follow(spending: Spending, calendar: Spending) -> None:
    for mine, of_account in (
        (spending.day, calendar.day),
        (spending.week, calendar.week),
        (spending.month, calendar.month),
    ):
        starts_at = of_account.starts_at
        if mine.starts_at is None or (starts_at is not None and mine.starts_at < starts_at):
            mine.starts_at, mine.consumed = starts_at, 0
            if mine is spending.day:
                spending.day_warned = 0
        # A change of time zone may have lengthened the window meanwhile.
        mine.ends_at = of_account.ends_at


def _add(spending: Spending, began_at: datetime, amount: int) -> None:
    for counted in (spending.day, spending.week, spending.month):
        if counted.starts_at is not None and counted.starts_at <= began_at:
            counted.consumed += amount
    spending.total.consumed += amount


def _scopes_of(spender: Spender | Hold) -> tuple[Scope, ...]:
    """Whose windows beside the account's own a spender's holds count in."""
    member_id, project = spender.member_id, spender.project
    if member_id is None:
        return () if project is None else (Scope(LimitScope.PROJECT, None, project),)
    of_member = Scope(LimitScope.MEMBER, member_id)
    return (of_member,) if project is None else (of_member, Scope(LimitScope.PROJECT, None, project))


# Judging


def limit_reached(
    state: AccountState,
    spender: Spender,
    amount: int,
    began_at: datetime,
    now: datetime,
    daily_limit: int | None,
    daily_limit_since: datetime | None = None,
) -> LimitReached | None:
    """The limit that `amount` more of a hold would break, if any: where several would, the one that leaves the least.

    Of those that leave the same the first is told: ACCOUNT, MEMBER, PROJECT; of one scope DAY, WEEK, MONTH, TOTAL.
    """
    tightest = tightest_limit(state, spender, began_at, now, daily_limit)
    if tightest is None or amount <= tightest.left:
        return None
    status = status_of(state, tightest.scope, tightest.period, now, daily_limit, daily_limit_since)
    return LimitReached(status, amount)


class Tightest(NamedTuple):
    """The limit that leaves the least, and what it leaves; never below 0."""

    left: int
    scope: Scope
    period: LimitPeriod


def tightest_limit(
    state: AccountState, spender: Spender, began_at: datetime, now: datetime, daily_limit: int | None
) -> Tightest | None:
    """Of all limits that hold for a hold which began at an instant, the tightest; None where none holds.

    Only the windows of now that contain the hold's beginning are asked: in others it does not count.
    """
    tightest = None
    own = state.account.spending or _NEVER_SPENT
    if daily_limit is not None or _has_limits(own):
        tightest = _tighter(state, ACCOUNT_SCOPE, began_at, now, daily_limit, None)
    for scope in _scopes_of(spender):
        if _has_limits(state.scopes.get(scope)) or (
            scope.kind is LimitScope.MEMBER and _has_limits(state.scopes.get(MEMBER_DEFAULT))
        ):
            tightest = _tighter(state, scope, began_at, now, daily_limit, tightest)
    return tightest


def _tighter(
    state: AccountState,
    scope: Scope,
    began_at: datetime,
    now: datetime,
    daily_limit: int | None,
    tightest: Tightest | None,
) -> Tightest | None:
    """The tightest limit of a scope, if it is tighter than the one given."""
    spending, calendar = spending_of(state, scope), state.account.spending or _NEVER_SPENT
    for period in PERIODS:
        limit = effective_limit(state, scope, period, daily_limit)
        if limit is None:
            continue
        consumed = spending.total.consumed
        if period is not LimitPeriod.TOTAL:
            starts_at = running(period, calendar.window(period), state.account.time_zone, now).starts_at
            if began_at < starts_at:
                continue
            consumed = consumed_since(spending.window(period), starts_at)
        left = max(0, limit - consumed)
        if tightest is None or left < tightest.left:
            tightest = Tightest(left, scope, period)
    return tightest


def effective_limit(state: AccountState, scope: Scope, period: LimitPeriod, daily_limit: int | None) -> int | None:
    """The limit that holds: the scope's own; else, for a member, the default for members; else none.

    `daily_limit` is the price book's, for accounts that have set none of their own. NO_LIMIT beats either.
    """
    return _limit_or_default(state, scope, period, spending_of(state, scope).window(period).limit, daily_limit)


def _limit_or_default(
    state: AccountState, scope: Scope, period: LimitPeriod, own: int | None, daily_limit: int | None
) -> int | None:
    if own is None and scope.kind is LimitScope.MEMBER:
        own = spending_of(state, MEMBER_DEFAULT).window(period).limit
    elif _goes_by_price_book(scope, period, own):
        own = daily_limit
    return None if own == NO_LIMIT else own


def _goes_by_price_book(scope: Scope, period: LimitPeriod, own: int | None) -> bool:
    return own is None and scope.kind is LimitScope.ACCOUNT and period is LimitPeriod.DAY


def _has_limits(spending: Spending | None) -> bool:
    return spending is not None and not (
        spending.day.limit is spending.week.limit is spending.month.limit is spending.total.limit is None
    )


def spending_of(state: AccountState, scope: Scope) -> Spending:
    """What is counted and limited for a scope; nothing where it has no row."""
    if scope.kind is LimitScope.ACCOUNT:
        return state.account.spending or _NEVER_SPENT
    return state.scopes.get(scope) or _NEVER_SPENT


# Showing


def status_of(
    state: AccountState,
    scope: Scope,
    period: LimitPeriod,
    now: datetime,
    daily_limit: int | None,
    daily_limit_since: datetime | None = None,
) -> LimitStatus:
    """A limit as it stands at `now`, whether or not one is set. The default for members consumes nothing itself.

    `daily_limit_since`: when the price book came into force that `daily_limit` is of. Where that limit holds, what is
    shown comes after whatever was shown of the same version before.
    """
    account = state.account
    window = spending_of(state, scope).window(period)
    written_at = account.last_at if account.version else account.created_at
    as_of, resets_at, consumed = written_at, None, window.consumed
    if period is not LimitPeriod.TOTAL:
        calendar = account.spending or _NEVER_SPENT
        starts_at, resets_at = running(period, calendar.window(period), account.time_zone, now)
        consumed = consumed_since(window, starts_at)
        as_of = max(written_at, starts_at)
        if daily_limit_since is not None and _goes_by_price_book(scope, period, window.limit):
            as_of = max(as_of, daily_limit_since)
    return LimitStatus(
        account.account_id,
        scope.kind,
        period,
        scope.member_id,
        scope.project,
        _limit_or_default(state, scope, period, window.limit, daily_limit),
        consumed,
        resets_at,
        near_percent_of(account),
        account.version,
        as_of,
    )


def today_of(
    state: AccountState,
    member_id: UUID | None,
    now: datetime,
    daily_limit: int | None,
    daily_limit_since: datetime | None = None,
) -> LimitStatus:
    """The day of the member in scope where there is one, else of the account; the limit as in `status_of`."""
    scope = ACCOUNT_SCOPE if member_id is None else Scope(LimitScope.MEMBER, member_id)
    return status_of(state, scope, LimitPeriod.DAY, now, daily_limit, daily_limit_since)


def statuses_of(
    state: AccountState,
    spender: Spender,
    now: datetime,
    daily_limit: int | None,
    daily_limit_since: datetime | None = None,
) -> tuple[LimitStatus, ...]:
    """The account's limits, then the member's and the project's where there are any: each period's, set or not."""
    return tuple(
        status_of(state, scope, period, now, daily_limit, daily_limit_since)
        for scope in (ACCOUNT_SCOPE, *_scopes_of(spender))
        for period in PERIODS
    )


def near_after(
    state: AccountState,
    spender: Spender,
    amount: int,
    now: datetime,
    daily_limit: int | None,
    daily_limit_since: datetime | None = None,
) -> tuple[LimitStatus, ...]:
    """As they stand now, the limits of the spender that so much more would bring near their end, or up to it."""
    limited = (
        status_of(state, scope, period, now, daily_limit, daily_limit_since)
        for scope in (ACCOUNT_SCOPE, *_scopes_of(spender))
        for period in PERIODS
        if effective_limit(state, scope, period, daily_limit) is not None
    )
    return tuple(status for status in limited if status.level_after(amount) is not LimitLevel.OK)


def near_percent_of(account: Account) -> int:
    """From which share of a limit on its level is NEAR: the lowest that the account is warned at; 100: never."""
    if account.alerting is None:
        return _NEAR_PERCENT
    return min(account.alerting.day_limit_percents, default=100)


_NEAR_PERCENT = min(DAY_LIMIT_PERCENTS)
