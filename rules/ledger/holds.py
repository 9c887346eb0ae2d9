"""Holds: reserve, charge, extend, commit, release. Each function checks everything, then changes everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.ledger.assignments import is_member
from rules.ledger.burn_down import Spender, available_to
from rules.ledger.captures import capture, give_back_rest, hold_entry, soon_owed, spender_of
from rules.ledger.commands import HOLD_LIFE_DAYS_MAX, HOLD_LINES_MAX, Charge, Commit, Extend, Line, Release, Reserve
from rules.ledger.entries import next_version
from rules.ledger.gates import Gate, first_closed
from rules.ledger.grants import falls_due
from rules.ledger.kinds import EntryKind, HoldState, OverrunPolicy
from rules.ledger.limits import begin, limit_reached, tightest_limit
from rules.ledger.line_codec import decode_lines, join_lines
from rules.ledger.outcomes import RepriceAt
from rules.ledger.refusals import (
    AccountFrozen,
    HoldExceeded,
    HoldExpired,
    HoldNotOpen,
    InputRefusal,
    InsufficientTokens,
    NotFound,
    QuoteExpired,
    Refusal,
    TierRequired,
)
from rules.ledger.runs import rate_limited, record_run
from rules.ledger.state import AccountState, Hold
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS


@dataclass(frozen=True, slots=True)
class Captured:
    """What a commit came to: its hold, what it charged (rounding included) and what it could not."""

    hold: Hold
    amount: int
    uncovered: int = 0


def reserve(state: AccountState, command: Reserve, now: datetime) -> Hold | Refusal:
    """Sets an upper bound aside before the work runs."""
    refusal, spender = command.refusal, Spender(command.member_id, command.project)
    if spender.member_id is not None and not is_member(state, spender):
        return NotFound("member")
    if isinstance(refusal, NotFound | InvalidInput):
        return refusal
    if command.not_after is not None and now > command.not_after:
        return InvalidInput("notAfter", f"this request was to be judged by then; it is {now.isoformat()}")
    blocked = (
        refusal
        or _uncountable(state, command.amount)
        or _outlived(command.quote_expires_at, now)
        or _start_blocked(state, command, now)
    )
    if blocked is not None:
        return blocked
    # From here on it succeeds.
    begin(state, Spender(command.member_id, command.project), now)
    record_run(state, command.member_id, command.runs_per_minute, now)
    hold = Hold(
        hold_id=next_version(state),
        amount=0,
        remaining=0,
        created_at=now,
        expires_at=now + timedelta(seconds=command.ttl_seconds),
        price_book_version=command.price_book_version,
        rounding_unit=command.rounding_unit,
        member_id=command.member_id,
        project=command.project,
        lines_json=command.lines_json,
        description=command.description,
    )
    state.holds[hold.hold_id] = hold
    state.new_holds.add(hold.hold_id)
    state.captured_lines[hold.hold_id] = []
    hold_entry(state, hold, command.amount, now)
    if not isinstance(command, Charge):
        falls_due(state, hold.expires_at)
    return hold


def charge(state: AccountState, command: Charge, now: datetime) -> Captured | Refusal:
    """Reserve and final commit in one step, for work whose cost is known."""
    hold = reserve(state, command, now)
    if not isinstance(hold, Hold):
        return hold
    lines = command.lines or (_line_of_amount(hold, command.amount),)
    call = next_version(state)
    for line in lines:
        capture(state, hold, line, line.cost, now, call=call, text_salt=command.text_salt)
    _finish(state, hold, hold.remaining, now, call=call)
    return Captured(hold, hold.captured)


def extend(state: AccountState, command: Extend, now: datetime) -> Hold | RepriceAt | Refusal:
    """Adds time or tokens to an open hold."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        return NotFound("hold")
    blocked = (
        _input_blocks(command.refusal, command.priced_at, hold)
        or (_too_much(state, hold, command) if command.adds_work else None)
        or _outlived(command.quote_expires_at, now)
        or _ended(hold)
    )
    if blocked is not None:
        return blocked
    if command.adds_work:
        refused = _shut(state, command.gates) or _more_work(state, spender_of(hold), command, hold.created_at, now)
        if refused is not None:
            return refused
    # From here on it succeeds.
    if command.ttl_seconds is not None:
        latest = hold.created_at + timedelta(days=HOLD_LIFE_DAYS_MAX)
        hold.expires_at = max(hold.expires_at, min(now + timedelta(seconds=command.ttl_seconds), latest))
    hold.rounding_unit = max(hold.rounding_unit, command.rounding_unit)
    hold.lines_json = join_lines(hold.lines_json, command.lines_json)
    hold_entry(state, hold, command.amount, now)
    return hold


def commit(state: AccountState, command: Commit, now: datetime) -> Captured | RepriceAt | Refusal:
    """Captures what was really used and, when final, gives the rest back."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        return NotFound("hold")
    blocked = _input_blocks(command.refusal, command.priced_at, hold) or _ended(hold)
    if blocked is not None:
        return blocked
    lines = _actual_lines(hold, command)
    cost = sum(line.cost for line in lines)
    if cost > hold.remaining and command.overrun is OverrunPolicy.REFUSE:
        return HoldExceeded(held=hold.remaining, required=cost)
    # From here on it succeeds; a frozen account finishes its work from what its hold has.
    hold.rounding_unit = max(hold.rounding_unit, command.rounding_unit)
    before = hold.captured
    left = hold.remaining + _allowed_beyond(state, hold, command, now)
    call = next_version(state)
    for line in lines:
        amount = min(line.cost, left)
        capture(state, hold, line, amount, now, call=call, text_salt=command.text_salt)
        left -= amount
    uncovered = cost - (hold.captured - before)
    if command.final:
        _finish(state, hold, left, now, call=call)
    return Captured(hold, hold.captured - before, uncovered)


def release(state: AccountState, command: Release, now: datetime) -> Hold | Refusal:
    """Gives everything back that was not captured; the outcome says why."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        return NotFound("hold")
    if command.refusal is not None:
        return command.refusal
    ended = _ended(hold)
    if ended is not None:
        return ended
    # From here on it succeeds.
    give_back_rest(
        state,
        hold,
        now,
        HoldState.RELEASED,
        always_entry=True,
        outcome=command.outcome,
        note=command.note,
        text_salt=command.text_salt,
    )
    return hold


def _start_blocked(state: AccountState, command: Reserve, now: datetime) -> Refusal | None:
    """What stands in the way of a run."""
    return (
        _shut(state, command.gates)
        or rate_limited(state, command.member_id, command.runs_per_minute, now)
        or _more_work(state, Spender(command.member_id, command.project), command, now, now)
    )


def _shut(state: AccountState, gates: tuple[Gate, ...]) -> AccountFrozen | TierRequired | None:
    """Whether the account takes new work, of these models."""
    if state.account.takes_no_work:
        return AccountFrozen(closed=state.account.closed_at is not None)
    return first_closed(state.account.plan_id, gates) if gates else None


def _more_work(
    state: AccountState, spender: Spender, command: Reserve | Extend, began_at: datetime, now: datetime
) -> Refusal | None:
    """What stands in the way of setting a command's amount aside on a hold that began at an instant."""
    amount = command.amount
    reached = limit_reached(state, spender, amount, began_at, now, command.daily_limit, command.daily_limit_since)
    if reached is not None:
        return reached
    available = available_to(state, spender, now)
    return InsufficientTokens(required=amount, available=available) if amount > available else None


def _allowed_beyond(state: AccountState, hold: Hold, command: Commit, now: datetime) -> int:
    """What a commit may charge beyond its hold: nothing unless it says so, and nothing where it takes what remains.

    Nor where nothing more may be set aside: an account that is frozen pays for what runs from what is on hold.
    """
    takes_what_remains = command.lines is None and command.amount is None
    if command.overrun is not OverrunPolicy.CHARGE_AVAILABLE or takes_what_remains or state.account.takes_no_work:
        return 0
    available = available_to(state, spender_of(hold), now, soon_owed=soon_owed(state, hold))
    tightest = tightest_limit(state, spender_of(hold), hold.created_at, now, command.daily_limit)
    limits_leave = tightest.left if tightest is not None else MAX_MICROS
    return min(available, limits_leave, _countable(state), MAX_MICROS - hold.amount - hold.overrun)


def _outlived(quote_expires_at: datetime | None, now: datetime) -> QuoteExpired | None:
    """A quote is over at its instant, like a hold."""
    return QuoteExpired(quote_expires_at) if quote_expires_at is not None and now >= quote_expires_at else None


def _uncountable(state: AccountState, amount: int) -> InvalidInput | None:
    if amount <= _countable(state):
        return None
    return InvalidInput("work", "the account would owe, hold or have spent in all more tokens than can be counted")


def _too_much(state: AccountState, hold: Hold, command: Extend) -> InvalidInput | None:
    """More than a hold can list or count."""
    if command.lines and len(decode_lines(hold.lines_json)) + len(command.lines) > HOLD_LINES_MAX:
        return InvalidInput("work", f"a hold has at most {HOLD_LINES_MAX} lines in all; reserve anew for more")
    if command.amount > MAX_MICROS - hold.amount - hold.overrun:
        return InvalidInput("work", "the hold would set aside more tokens than can be counted")
    return _uncountable(state, command.amount)


def _countable(state: AccountState) -> int:
    """How much more can be held or owed, and be spent in all, before the numbers end."""
    account = state.account
    # What is on hold is among what counts in all, and what was refunded is not; no window counts more than that.
    spent = 0 if account.spending is None else account.spending.total.consumed - account.held
    return max(0, MAX_MICROS - account.held - max(account.owed, spent))


def _input_blocks(refusal: InputRefusal | None, priced_at: int | None, hold: Hold) -> RepriceAt | Refusal | None:
    """Bad input, or no such quote; a pricing refusal counts only at the hold's own price book version."""
    if isinstance(refusal, NotFound | InvalidInput):
        return refusal
    if priced_at is not None and priced_at != hold.price_book_version:
        return RepriceAt(hold.price_book_version)
    return refusal


def _ended(hold: Hold) -> HoldExpired | HoldNotOpen | None:
    if hold.state is HoldState.OPEN:
        return None
    if hold.state is HoldState.EXPIRED:
        return HoldExpired(hold.ended_at or hold.expires_at)
    return HoldNotOpen(hold.state)


def _actual_lines(hold: Hold, command: Commit) -> tuple[Line, ...]:
    """The lines to capture. All that remains of an untouched hold is its own lines, so that usage tells them apart."""
    if command.lines is not None:
        return command.lines
    if command.amount is not None:
        return (_line_of_amount(hold, command.amount),)
    if hold.captures == 0:
        reserved = decode_lines(hold.lines_json)
        metered = sum(line.cost for line in reserved if line.rounds_at_end)
        rounding = -metered % hold.rounding_unit if hold.rounding_unit else 0
        if reserved and sum(line.cost for line in reserved) + rounding == hold.remaining:
            return reserved
    return (_line_of_amount(hold, hold.remaining),)


def _line_of_amount(hold: Hold, amount: int) -> Line:
    """An amount as a line: of the hold's only line where it has just one (counted once), else of no model."""
    reserved = decode_lines(hold.lines_json)
    if len(reserved) == 1:
        only = reserved[0]
        return Line(
            ref=only.ref,
            model=only.model,
            category=only.category,
            params_json=only.params_json,
            count=only.count if hold.captures == 0 else 0,
            cost=amount,
            price_book_version=only.price_book_version,
        )
    return Line(
        ref=None,
        model=None,
        category=None,
        params_json="{}",
        count=0 if reserved else 1,
        cost=amount,
        price_book_version=hold.price_book_version,
    )


def _finish(state: AccountState, hold: Hold, allowed: int, now: datetime, *, call: int) -> None:
    """The final commit: metered lines are rounded up once, within what is still allowed; the rest goes back."""
    if hold.rounding_unit > 0 and hold.metered % hold.rounding_unit:
        rounding = min(hold.rounding_unit - hold.metered % hold.rounding_unit, allowed)
        if rounding > 0:
            line = Line(None, None, None, "{}", 0, rounding, hold.price_book_version)
            capture(state, hold, line, rounding, now, call=call, kind=EntryKind.ROUNDING)
    give_back_rest(state, hold, now, HoldState.COMMITTED, always_entry=False)
