"""Counting usage: what each capture, each refund and each end of a hold adds to the sums of its local day.

A sum is keyed by the local day of the account's time zone at that instant, once and for good: a later change of the
time zone moves nothing. A refund counts on its own day, under what its line was spent for.
"""

from __future__ import annotations

from datetime import date

from rules.ledger.state import AccountState, CapturedLine, Hold, RefundedLine
from rules.ledger.usage import UsageKey, UsageSum, WorkKey


def count_capture(state: AccountState, line: CapturedLine) -> None:
    """Adds what a line was charged. The rounding at a hold's end is charged like a line, and is no use of anything."""
    added = _sum_of(state, line, line.day)
    added.charged += line.amount
    if not line.rounding:
        added.uses += line.count
        added.operations += 1


def count_refund(state: AccountState, line: CapturedLine, refund: RefundedLine) -> None:
    """Adds what was given back of a line."""
    _sum_of(state, line, refund.day).refunded += refund.amount


def count_work(state: AccountState, hold: Hold, day: date) -> None:
    """Adds one work that ended: by its outcome where it was released, else COMMITTED or EXPIRED."""
    key = WorkKey(day, hold.member_id, hold.project, hold.outcome or hold.state)
    state.worked[key] = state.worked.get(key, 0) + 1


def _sum_of(state: AccountState, line: CapturedLine, day: date) -> UsageSum:
    key = UsageKey(day, line.member_id, line.project, line.model, line.category)
    found = state.used.get(key)
    if found is None:
        found = state.used[key] = UsageSum()
    return found
