"""Spending from a hold, and giving back what it did not need."""

from __future__ import annotations

from datetime import datetime

from rules.ledger.burn_down import Spender, in_burn_order, split
from rules.ledger.commands import Line
from rules.ledger.entries import append
from rules.ledger.kinds import EntryKind, GrantEnd, HoldState, WorkOutcome
from rules.ledger.limits import count
from rules.ledger.local_days import local_day
from rules.ledger.returns import came_back
from rules.ledger.state import AccountState, Allocation, CapturedLine, Grant, Hold
from rules.ledger.usage_counts import count_capture, count_work


def spender_of(hold: Hold) -> Spender:
    """For whom the hold spends."""
    return Spender(hold.member_id, hold.project)


def set_aside(state: AccountState, hold: Hold, amount: int, now: datetime) -> int | None:
    """Puts `amount` on the hold, from the spender's grants in burn order and then the credit line, with its HOLD entry.

    Gives the grant's id where only one is concerned.
    """
    parts = split(state, spender_of(hold), amount, now)
    for grant, share in parts:
        grant_id = None
        if grant is not None:
            grant_id = grant.grant_id
            grant.held += share
            state.changed_grants.add(grant_id)
        hold.allocations.append(Allocation(len(hold.allocations), grant_id, share))
    only = parts[0][0] if len(parts) == 1 else None
    return only.grant_id if only is not None else None


def capture(
    state: AccountState,
    hold: Hold,
    line: Line,
    amount: int,
    now: datetime,
    *,
    call: int,
    kind: EntryKind = EntryKind.CAPTURE,
    text_salt: bytes = b"",
) -> None:
    """Charges `amount` for one line: first what the hold has, in burn order, then (overrun) what else may be used.

    `call` is the version of the first line of the same commit.
    """
    from_hold = min(amount, hold.remaining)
    taken: list[tuple[Grant | None, int]] = []
    left = from_hold
    for allocation in in_burn_order(state, spender_of(hold), hold.allocations):
        if left <= 0:
            break
        share = min(left, allocation.held)
        if share <= 0:
            continue
        allocation.held -= share
        allocation.captured += share
        grant = state.grants[allocation.grant_id] if allocation.grant_id is not None else None
        if grant is not None:
            grant.held -= share
            _spend(state, grant, share)
        taken.append((grant, share))
        left -= share
    overrun = amount - from_hold
    if overrun > 0:
        for grant, share in split(state, spender_of(hold), overrun, now):
            grant_id = grant.grant_id if grant is not None else None
            hold.allocations.append(Allocation(len(hold.allocations), grant_id, 0, captured=share))
            if grant is not None:
                _spend(state, grant, share)
            taken.append((grant, share))
    on_grants = sum(share for grant, share in taken if grant is not None)
    hold.remaining -= from_hold
    hold.overrun += overrun
    hold.captured += amount
    count(state, hold, overrun)
    if kind is EntryKind.ROUNDING:
        hold.rounding += amount
    elif line.rounds_at_end:
        hold.metered += amount
    only = taken[0][0] if len(taken) == 1 else None
    version = append(
        state,
        kind,
        now,
        total=-on_grants,
        held=-from_hold,
        drawn=amount - on_grants,
        spent=amount,
        member_id=hold.member_id,
        project=hold.project,
        model=line.model,
        category=line.category,
        hold_id=hold.hold_id,
        grant_id=only.grant_id if only is not None else None,
        ref=line.ref,
        text_salt=text_salt,
    )
    hold.captures += 1
    state.changed_holds.add(hold.hold_id)
    _record_line(state, hold, line, amount, version, call, is_rounding=kind is EntryKind.ROUNDING)
    _claw_back_captured(state, taken, now)


def give_back_rest(
    state: AccountState,
    hold: Hold,
    at: datetime,
    ended_as: HoldState,
    *,
    always_entry: bool,
    outcome: WorkOutcome | None = None,
    note: str | None = None,
    text_salt: bytes = b"",
) -> int:
    """Ends a hold: what is left on it returns to the grants it came from. Gives the amount in micro-tokens.

    `always_entry` writes a RELEASE entry even for nothing, so that a release or a TTL end is always in the journal.
    """
    amount = hold.remaining
    hold.state, hold.ended_at, hold.outcome = ended_as, at, outcome
    hold.ended_day = local_day(state.account.time_zone, at)
    count_work(state, hold, hold.ended_day)
    hold.remaining = 0
    hold.returned += amount
    count(state, hold, -amount)
    state.changed_holds.add(hold.hold_id)
    returned: dict[int, int] = {}
    for allocation in hold.allocations:
        share = allocation.held
        if share <= 0:
            continue
        allocation.held = 0
        allocation.returned += share
        if allocation.grant_id is not None:
            grant = state.grants[allocation.grant_id]
            grant.held -= share
            state.changed_grants.add(grant.grant_id)
            returned[grant.grant_id] = returned.get(grant.grant_id, 0) + share
    if amount > 0 or always_entry:
        append(
            state,
            EntryKind.RELEASE,
            at,
            held=-amount,
            member_id=hold.member_id,
            project=hold.project,
            hold_id=hold.hold_id,
            grant_id=next(iter(returned)) if list(returned.values()) == [amount] else None,
            note=note,
            text_salt=text_salt,
        )
    for grant_id, share in returned.items():
        came_back(state, state.grants[grant_id], share, at)
    return amount


def soon_owed(state: AccountState, hold: Hold) -> int:
    """What capturing all of the hold adds to the account's debt: its part on grants that were clawed back meanwhile."""
    return sum(
        allocation.held
        for allocation in hold.allocations
        if allocation.grant_id is not None and state.grants[allocation.grant_id].ended is GrantEnd.CLAWED_BACK
    )


def _spend(state: AccountState, grant: Grant, amount: int) -> None:
    """At once, so that an overrun of the same capture does not count on what its hold has just spent."""
    state.add_remaining(grant, -amount)
    grant.spent += amount


def _record_line(
    state: AccountState, hold: Hold, line: Line, amount: int, version: int, call: int, *, is_rounding: bool
) -> None:
    captured = CapturedLine(
        version=version,
        call=call,
        rounding=is_rounding,
        hold_id=hold.hold_id,
        at=state.account.last_at,
        amount=amount,
        count=line.count,
        price_book_version=line.price_book_version,
        member_id=hold.member_id,
        project=hold.project,
        model=line.model,
        category=line.category,
        params_json=line.params_json,
        cost=line.cost,
        ref=line.ref,
        day=local_day(state.account.time_zone, state.account.last_at),
    )
    state.new_lines.append(captured)
    count_capture(state, captured)
    if hold.hold_id in state.captured_lines:
        state.captured_lines[hold.hold_id].append(captured)


def _claw_back_captured(state: AccountState, taken: list[tuple[Grant | None, int]], now: datetime) -> None:
    """What was captured from a grant that had been clawed back while it was held is owed from now on."""
    for grant, share in taken:
        if grant is not None and grant.ended is GrantEnd.CLAWED_BACK:
            append(
                state,
                EntryKind.CLAWBACK,
                now,
                clawed=share,
                grant_id=grant.grant_id,
                member_id=grant.member_id,
                project=grant.project,
            )


def hold_entry(state: AccountState, hold: Hold, amount: int, now: datetime) -> None:
    """Sets `amount` aside on the hold and writes its HOLD entry."""
    grant_id = set_aside(state, hold, amount, now) if amount > 0 else None
    hold.amount += amount
    hold.remaining += amount
    count(state, hold, amount)
    state.changed_holds.add(hold.hold_id)
    append(
        state,
        EntryKind.HOLD,
        now,
        held=amount,
        member_id=hold.member_id,
        project=hold.project,
        hold_id=hold.hold_id,
        grant_id=grant_id,
    )
