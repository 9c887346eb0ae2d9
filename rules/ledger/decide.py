"""The ledger's one door: an account's rows, a command and the time in; an outcome out, and the rows changed.

Order of judgement: what is due is settled, always; replay of a known key; then each verb's own checks in the order that
`refusals` documents; then the line after which it must succeed; then the change.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import assert_never

from rules.ledger.accounts import adjust_account, open_account
from rules.ledger.balance import balance_of
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    Charge,
    ClawBack,
    Commit,
    Extend,
    GrantTokens,
    Once,
    OpenAccount,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
    Settle,
)
from rules.ledger.grants import grant_tokens, revoke_grant
from rules.ledger.holds import Captured, charge, commit, extend, release, reserve
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, Outcome
from rules.ledger.refunds import refund
from rules.ledger.refusals import IdempotencyConflict, NotFound
from rules.ledger.state import AccountState, Grant, Hold, Operation
from rules.pricing.refusals import InvalidInput


def decide(state: AccountState, command: AnyCommand, now: datetime) -> Outcome:
    """Judges one command and applies it. A refusal has changed nothing.

    The caller has settled what is due (`settle_due`) at the same `now`, which must not lie before the account's last
    instant.
    """
    account = state.account
    if account.tenant_id != command.tenant_id or account.account_id != command.account_id:
        return NotFound("account")
    if not account.opened and not isinstance(command, OpenAccount):
        # Its row is there because a later command of this batch opens it.
        return NotFound("account")
    if isinstance(command, Settle | OpenAccount | AdjustAccount):
        return _decide_unkeyed(state, command, now) or AccountEffect(account.snapshot(), balance_of(state))
    once = command.once
    known = state.operations.get((once.mutation, once.key))
    if known is not None:
        return _replay(state, once, known)
    match command:
        case Charge():
            return _of_hold(state, once, charge(state, command, now), now)
        case Reserve():
            return _of_hold(state, once, reserve(state, command, now), now)
        case Commit():
            return _of_hold(state, once, commit(state, command, now), now)
        case Release():
            return _of_hold(state, once, release(state, command, now), now)
        case Extend():
            return _of_hold(state, once, extend(state, command, now), now)
        case Refund():
            refunded = refund(state, command, now)
            return _of_hold(state, once, Captured(*refunded) if isinstance(refunded, tuple) else refunded, now)
        case GrantTokens():
            return _of_grant(state, once, grant_tokens(state, command, now), now)
        case RevokeGrant() | ClawBack():
            return _of_grant(state, once, revoke_grant(state, command, now), now)
        case _:
            assert_never(command)


def _decide_unkeyed(
    state: AccountState, command: Settle | OpenAccount | AdjustAccount, now: datetime
) -> InvalidInput | None:
    match command:
        case Settle():
            return None
        case OpenAccount():
            open_account(state, command, now)
            return None
        case AdjustAccount():
            return adjust_account(state, command, now)
        case _:
            assert_never(command)


def _replay(state: AccountState, once: Once, known: Operation) -> Outcome:
    """The recorded effect with today's hold or grant and balance; another input under the same key is a conflict."""
    if known.fingerprint != once.fingerprint:
        return IdempotencyConflict(once.key)
    balance = balance_of(state)
    if known.hold_id is not None:
        hold = state.holds[known.hold_id].snapshot()
        return HoldEffect(hold, balance, known.amount, known.uncovered, replayed=True)
    if known.grant_id is not None:
        return GrantEffect(copy(state.grants[known.grant_id]), balance, replayed=True)
    raise AssertionError(f"operation {known.mutation} {known.key!r} recorded no effect")


def _of_hold(state: AccountState, once: Once, result: Hold | Captured | Outcome, now: datetime) -> Outcome:
    if isinstance(result, Hold):
        hold, amount, uncovered = result, 0, 0
    elif isinstance(result, Captured):
        hold, amount, uncovered = result.hold, result.amount, result.uncovered
    else:
        return result
    _remember(state, Operation(once.mutation, once.key, once.fingerprint, now, hold.hold_id, None, amount, uncovered))
    return HoldEffect(hold.snapshot(), balance_of(state), amount, uncovered)


def _of_grant(state: AccountState, once: Once, result: Grant | Outcome, now: datetime) -> Outcome:
    if not isinstance(result, Grant):
        return result
    _remember(state, Operation(once.mutation, once.key, once.fingerprint, now, None, result.grant_id))
    return GrantEffect(copy(result), balance_of(state))


def _remember(state: AccountState, operation: Operation) -> None:
    state.operations[(operation.mutation, operation.key)] = operation
    state.new_operations.append(operation)
