"""What falls due: expired grants lose their unheld tokens, outlived holds give theirs back, each at its own instant."""

from __future__ import annotations

from datetime import datetime
from heapq import heapify, heappop, heappush

from rules.ledger.captures import give_back_rest
from rules.ledger.grants import expire
from rules.ledger.kinds import HoldState
from rules.ledger.state import AccountState


def settle_due(state: AccountState, now: datetime) -> bool:
    """Settles everything due up to `now`, in order of the due instants. False: more is due than was loaded, load again.

    At one instant grants end before holds do, so that what a hold gives back then still gets its grace.
    """
    account = state.account
    if account.due_at is None or account.due_at > now:
        return True
    horizon = now if state.next_due_at is None else min(now, state.next_due_at)
    due = _due(state, horizon)
    heapify(due)
    while due:
        instant, is_hold, local_id = heappop(due)
        if not is_hold:
            expire(state, state.grants[local_id], instant)
            continue
        before = account.version
        give_back_rest(state, state.holds[local_id], instant, HoldState.EXPIRED, always_entry=True)
        # What came back too late lives on in new grants, which may fall due on the way as well.
        for version in range(before + 1, account.version + 1):
            grace = state.grants.get(version)
            if grace is not None and grace.expires_at is not None and grace.expires_at <= horizon:
                heappush(due, (grace.expires_at, False, version))
    account.due_at = _next_instant(state, horizon)
    state.account_changed = True
    return account.due_at is None or account.due_at > now


def _due(state: AccountState, horizon: datetime) -> list[tuple[datetime, bool, int]]:
    """What falls due up to the horizon: its instant, whether it is a hold, and its id.

    Grants that are wholly on hold are among them, because a hold that ends first gives their tokens back in time.
    """
    due = [
        (grant.expires_at, False, grant.grant_id)
        for grant in state.grants.values()
        if grant.expires_at is not None and grant.expires_at <= horizon and grant.ended is None
    ]
    due += [
        (hold.expires_at, True, hold.hold_id)
        for hold in state.holds.values()
        if hold.state is HoldState.OPEN and hold.expires_at <= horizon
    ]
    return due


def _next_instant(state: AccountState, horizon: datetime) -> datetime | None:
    """When something falls due next. A grant that is wholly on hold counts: its tokens may be back by then."""
    upcoming = [
        grant.expires_at
        for grant in state.grants.values()
        if grant.expires_at is not None and grant.expires_at > horizon and grant.remaining > 0 and grant.ended is None
    ]
    upcoming += [hold.expires_at for hold in state.holds.values() if hold.state is HoldState.OPEN]
    if state.next_due_at is not None:
        upcoming.append(state.next_due_at)
    return min(upcoming, default=None)
