"""Runs: how many reserves and charges begin within a minute, for each member, else for the account.

A run is a reserve or charge that took effect. Only where the price book in force sets a rate is anything kept, and then
no more than that many instants; so whoever is not bound by a rate pays nothing for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from rules.ledger.journal import epoch_micros
from rules.ledger.kinds import LimitScope
from rules.ledger.refusals import RateLimited
from rules.ledger.spending import Scope, Spending
from rules.ledger.state import AccountState

_MINUTE_MICROS: Final = 60_000_000
_SECOND_MICROS: Final = 1_000_000
_RUN_BYTES: Final = 8


def rate_limited(
    state: AccountState, member_id: UUID | None, runs_per_minute: int | None, now: datetime
) -> RateLimited | None:
    """Whether one more run now would be one too many in some 60 seconds; then, how long to wait.

    A run that began exactly 60 seconds ago is in the minute before.
    """
    spending = _spending_of(state, member_id)
    if runs_per_minute is None or spending is None or len(spending.runs) < runs_per_minute * _RUN_BYTES:
        return None
    # The run that must be a minute old: with it, there are as many since as are allowed.
    first = len(spending.runs) - runs_per_minute * _RUN_BYTES
    began_micros = int.from_bytes(spending.runs[first : first + _RUN_BYTES], "big")
    wait_micros = began_micros + _MINUTE_MICROS - epoch_micros(now)
    return RateLimited(-(-wait_micros // _SECOND_MICROS)) if wait_micros > 0 else None


def record_run(state: AccountState, member_id: UUID | None, runs_per_minute: int | None, now: datetime) -> None:
    """Notes a run, and forgets those that no longer matter. `limits.begin` has made the scope's row."""
    spending = _spending_of(state, member_id)
    if spending is None:
        raise AssertionError("a run of a scope without a row")
    if runs_per_minute is None:
        spending.runs = b""
        return
    micros = epoch_micros(now)
    runs = spending.runs[-(runs_per_minute - 1) * _RUN_BYTES :] if runs_per_minute > 1 else b""
    start = 0
    while start < len(runs) and int.from_bytes(runs[start : start + _RUN_BYTES], "big") <= micros - _MINUTE_MICROS:
        start += _RUN_BYTES
    spending.runs = runs[start:] + micros.to_bytes(_RUN_BYTES, "big")


def _spending_of(state: AccountState, member_id: UUID | None) -> Spending | None:
    if member_id is None:
        return state.account.spending
    return state.scopes.get(Scope(LimitScope.MEMBER, member_id))
