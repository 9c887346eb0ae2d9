"""Refunds: captured tokens go back where they came from, lines in proportion.

The credit line is repaid first, as far as it is still drawn; what was settled since comes back as tokens in a new
ADJUSTMENT grant. Then the grants, in reverse burn order. What belongs to a clawed-back grant also comes back in a new
grant, because its debt was counted without this refund; that grant pays the debt first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rules.ledger.burn_down import in_burn_order
from rules.ledger.captures import spender_of
from rules.ledger.commands import Refund
from rules.ledger.entries import append, next_version
from rules.ledger.grants import add_grant, falls_due, pay_clawed_back, revoke_rest
from rules.ledger.kinds import EntryKind, GrantEnd, GrantSource
from rules.ledger.limits import count
from rules.ledger.local_days import local_day
from rules.ledger.refusals import NotFound, NotRefundable, Refusal
from rules.ledger.returns import came_back
from rules.ledger.state import AccountState, Allocation, CapturedLine, Grant, Hold, RefundedLine
from rules.ledger.usage_counts import count_refund
from rules.pricing.refusals import InvalidInput


def refund(state: AccountState, command: Refund, now: datetime) -> tuple[Hold, int] | Refusal:
    """Gives captured tokens back; the hold and the amount in micro-tokens."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        return NotFound("hold")
    if command.refusal is not None:
        return command.refusal
    refundable = hold.captured - hold.refunded
    amount = refundable if command.amount is None else command.amount
    if amount <= 0 or amount > refundable:
        return NotRefundable(captured=refundable, requested=amount)
    on_credit = sum(part.captured - part.refunded for part in hold.allocations if part.grant_id is None)
    # What repays the credit line does not come back as tokens.
    if amount - min(amount, on_credit, state.account.credit_drawn) > state.account.room:
        return InvalidInput("amount", "the account would hold more tokens than can be counted")
    # From here on it succeeds.
    lines = _in_proportion(state.captured_lines[hold.hold_id], amount)
    sources = _destinations(state, hold, amount)
    source, room = next(sources)
    for line, line_amount in lines:
        portions: list[tuple[Allocation, int]] = []
        left = line_amount
        while left > 0:
            if room == 0:
                source, room = next(sources)
            portion = min(left, room)
            portions.append((source, portion))
            left -= portion
            room -= portion
        _refund_line(state, hold, line, portions, command, now)
    hold.refunded += amount
    count(state, hold, -amount)
    state.changed_holds.add(hold.hold_id)
    return hold, amount


def _in_proportion(lines: list[CapturedLine], amount: int) -> list[tuple[CapturedLine, int]]:
    """Shares the amount out over what is left of each line; the largest remainders get what division leaves over."""
    open_lines = [(line, line.amount - line.refunded) for line in lines if line.amount > line.refunded]
    whole = sum(left for _, left in open_lines)
    shares = [amount * left // whole for _, left in open_lines]
    by_remainder = sorted(
        range(len(open_lines)),
        key=lambda index: (-(amount * open_lines[index][1] % whole), open_lines[index][0].version),
    )
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return [(line, share) for (line, _), share in zip(open_lines, shares, strict=True) if share > 0]


def _destinations(state: AccountState, hold: Hold, amount: int) -> Iterator[tuple[Allocation, int]]:
    """Where the amount goes, in order: the credit line, then the grants in reverse burn order."""
    left = amount
    for allocation in reversed(in_burn_order(state, spender_of(hold), hold.allocations)):
        portion = min(left, allocation.captured - allocation.refunded)
        if portion > 0:
            left -= portion
            yield allocation, portion


def _refund_line(
    state: AccountState,
    hold: Hold,
    line: CapturedLine,
    portions: list[tuple[Allocation, int]],
    command: Refund,
    now: datetime,
) -> None:
    repaid, anew = 0, 0
    back: list[tuple[Grant, int]] = []
    drawn = state.account.credit_drawn
    for allocation, portion in portions:
        allocation.refunded += portion
        grant = state.grants[allocation.grant_id] if allocation.grant_id is not None else None
        if grant is None:
            to_credit = min(portion, drawn)
            drawn -= to_credit
            repaid += to_credit
            anew += portion - to_credit
        elif grant.ended is GrantEnd.CLAWED_BACK:
            allocation.redirected += portion
            anew += portion
        else:
            state.add_remaining(grant, portion)
            grant.spent -= portion
            state.burn_order = None
            if grant.expires_at is not None and not grant.is_expired(now):
                falls_due(state, grant.expires_at)
            back.append((grant, portion))
    amount = sum(portion for _, portion in portions)
    line.refunded += amount
    state.changed_lines[line.version] = line
    only = back[0][0].grant_id if len(back) == 1 and not repaid and not anew else None
    successor = _new_grant(state, anew, now) if anew > 0 else None
    version = append(
        state,
        EntryKind.REFUND,
        now,
        total=amount - repaid,
        drawn=-repaid,
        spent=-amount,
        member_id=line.member_id,
        project=line.project,
        model=line.model,
        category=line.category,
        hold_id=hold.hold_id,
        grant_id=only,
        ref=line.ref,
        note=command.reason,
        text_salt=command.text_salt,
    )
    refunded = RefundedLine(version, line.version, amount, local_day(state.account.time_zone, state.account.last_at))
    state.new_refunds.append(refunded)
    count_refund(state, line, refunded)
    incoming: list[tuple[Grant, int]] = []
    for grant, portion in back:
        incoming.append((came_back(state, grant, portion, now) or grant, portion))
    if successor is not None:
        add_grant(state, successor)
        incoming.append((successor, anew))
    pay_clawed_back(state, incoming, now)
    if successor is not None and state.account.closed_at is not None:
        revoke_rest(state, successor, now)


def _new_grant(state: AccountState, amount: int, now: datetime) -> Grant:
    """Tokens for a refund whose source is settled or clawed back; its id is the version of the REFUND entry."""
    version = next_version(state)
    return Grant(
        grant_id=version,
        source=GrantSource.ADJUSTMENT,
        granted=amount,
        remaining=amount,
        created_at=now,
        source_ref=f"refund:{version}",
    )
