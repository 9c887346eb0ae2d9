"""What falls due: expired grants lose their unheld tokens, outlived holds give theirs back, each at its own instant.

So do notices of grants that are about to expire, which write no entry.
"""

from __future__ import annotations

from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Final

from rules.ledger.alerts import conclude_step, counted_available, give_notice
from rules.ledger.captures import give_back_rest
from rules.ledger.grants import expire
from rules.ledger.kinds import HoldState
from rules.ledger.state import AccountState, Grant

_GRANT_ENDS: Final = 0
_HOLD_ENDS: Final = 1
_NOTICE: Final = 2
_Due = tuple[datetime, int, int]
"""An instant, what falls due then (at one instant in the order of these numbers), and the id of the grant or hold."""


def settle_due(state: AccountState, now: datetime) -> bool:
    """Settles everything due up to `now`, in order of the due instants. False: more is due than was loaded, load again.

    At one instant grants end before holds do, so that what a hold gives back then still gets its grace; notices come
    last, so that they count what holds gave back.
    """
    account = state.account
    if account.due_at is None or account.due_at > now:
        return True
    horizon = now if state.next_due_at is None else min(now, state.next_due_at)
    due = [
        (hold.expires_at, _HOLD_ENDS, hold.hold_id)
        for hold in state.holds.values()
        if hold.state is HoldState.OPEN and hold.expires_at <= horizon
    ]
    for grant in state.grants.values():
        due += _due_of_grant(state, grant, horizon)
    heapify(due)
    while due:
        instant, what, local_id = heappop(due)
        if what == _NOTICE:
            give_notice(state, state.grants[local_id], instant)
            continue
        available, before = counted_available(state), account.version
        if what == _GRANT_ENDS:
            expire(state, state.grants[local_id], instant)
        else:
            give_back_rest(state, state.holds[local_id], instant, HoldState.EXPIRED, always_entry=True)
        conclude_step(state, available, before)
        # What came back too late lives on in new grants, which may fall due on the way as well.
        for version in range(before + 1, account.version + 1):
            grace = state.grants.get(version)
            if grace is not None:
                for item in _due_of_grant(state, grace, horizon):
                    heappush(due, item)
    account.due_at = _next_instant(state, horizon)
    state.account_changed = True
    return account.due_at is None or account.due_at > now


def _due_of_grant(state: AccountState, grant: Grant, horizon: datetime) -> list[_Due]:
    """What falls due of a grant up to the horizon: its end, and the notice of it.

    Grants that are wholly on hold are among them, because a hold that ends first gives their tokens back in time. A
    notice waits for holds that end at the same instant and are not loaded.
    """
    if grant.ended is not None or grant.expires_at is None:
        return []
    due = [(grant.expires_at, _GRANT_ENDS, grant.grant_id)] if grant.expires_at <= horizon else []
    notice_at = grant.notice_at
    if notice_at is not None and notice_at <= horizon and notice_at != state.next_due_at:
        due.append((notice_at, _NOTICE, grant.grant_id))
    return due


def _next_instant(state: AccountState, horizon: datetime) -> datetime | None:
    """When something falls due next. A grant that is wholly on hold counts: its tokens may be back by then."""
    upcoming = [
        grant.expires_at
        for grant in state.grants.values()
        if grant.expires_at is not None and grant.expires_at > horizon and grant.remaining > 0 and grant.ended is None
    ]
    upcoming += [
        grant.notice_at
        for grant in state.grants.values()
        if grant.notice_at is not None and grant.notice_at > horizon and grant.remaining > 0 and grant.ended is None
    ]
    upcoming += [hold.expires_at for hold in state.holds.values() if hold.state is HoldState.OPEN]
    if state.next_due_at is not None:
        upcoming.append(state.next_due_at)
    return min(upcoming, default=None)
