"""The ledger's one door: an account's rows, a command and the time in; an outcome out, and the rows changed.

Order of judgement: what is due is settled, always; replay of a known key; then each verb's own checks in the order that
`refusals` documents; then the line after which it must succeed; then the change.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import assert_never

from rules.ledger.accounts import adjust_account, open_account
from rules.ledger.alerts import conclude_step, counted_available, set_alerts
from rules.ledger.assignments import assign_tokens
from rules.ledger.balance import POOL, BalanceSnapshot, balance_of
from rules.ledger.burn_down import Spender
from rules.ledger.captures import spender_of
from rules.ledger.closing import close_account
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    AssignTokens,
    Charge,
    ClawBack,
    CloseAccount,
    Commit,
    Extend,
    GrantTokens,
    KeyedCommand,
    ManageMembers,
    Once,
    OpenAccount,
    ReceiveTransfer,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
    SendTokens,
    SetAlerts,
    SetLimits,
    Settle,
    SettleOwed,
)
from rules.ledger.grants import grant_tokens, revoke_grant
from rules.ledger.holds import Captured, charge, commit, extend, release, reserve
from rules.ledger.kinds import Mutation
from rules.ledger.limit_settings import set_limits, statuses_of_settings
from rules.ledger.members import manage_members
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, LimitsEffect, MembersEffect, Outcome
from rules.ledger.refunds import refund
from rules.ledger.refusals import IdempotencyConflict, NotFound, Refusal
from rules.ledger.settling import settle_owed
from rules.ledger.state import AccountState, Grant, Hold, Operation
from rules.ledger.transfers import receive_transfer, send_tokens


def decide(state: AccountState, command: AnyCommand, now: datetime) -> Outcome:
    """Judges one command and applies it. A refusal has changed nothing.

    The caller has settled what is due (`settle_due`) at the same `now`, which must not lie before the account's last
    instant.
    """
    account = state.account
    before, version = counted_available(state), account.version
    outcome = _decide(state, command, now)
    if account.version == version:
        return outcome
    conclude_step(state, before, version, command.daily_limit)
    # An account is shown with what its own change told of.
    return AccountEffect(account.snapshot(), outcome.balance) if isinstance(outcome, AccountEffect) else outcome


def as_it_stands(state: AccountState, command: AnyCommand, now: datetime) -> Outcome:
    """What a setting that took effect before, and was not answered, is answered now: what it set, as it is today.

    Others may have set something else since; nothing is judged and nothing changes, so that no version is told of but
    the account's own. The caller knows that it took effect, and has settled what is due as for `decide`.
    """
    balance = _balance(state, command, now)
    match command:
        case SetLimits():
            return LimitsEffect(statuses_of_settings(state, command, now), balance)
        case ManageMembers():
            return MembersEffect(tuple(copy(state.members[change.member_id]) for change in command.changes), balance)
        case _:
            return AccountEffect(state.account.snapshot(), balance)


def _decide(state: AccountState, command: AnyCommand, now: datetime) -> Outcome:
    account = state.account
    if account.tenant_id != command.tenant_id or account.account_id != command.account_id:
        return NotFound("account")
    if not account.opened and not isinstance(command, OpenAccount):
        # Its row is there because a later command of this batch opens it.
        return NotFound("account")
    if isinstance(command, SetLimits):
        return set_limits(state, command, now)
    if isinstance(command, Settle | OpenAccount | AdjustAccount | SetAlerts | CloseAccount | ReceiveTransfer):
        refused = _decide_unkeyed(state, command, now)
        return refused or AccountEffect(account.snapshot(), _balance(state, command, now))
    if isinstance(command, ManageMembers):
        members = manage_members(state, command, now)
        balance = _balance(state, command, now)
        return MembersEffect(members, balance) if isinstance(members, tuple) else members
    once = command.once
    known = state.operations.get((once.mutation, once.key))
    if known is not None:
        return _replay(state, command, known, now)
    match command:
        case Charge():
            return _of_hold(state, command, charge(state, command, now), now)
        case Reserve():
            return _of_hold(state, command, reserve(state, command, now), now)
        case Commit():
            return _of_hold(state, command, commit(state, command, now), now)
        case Release():
            return _of_hold(state, command, release(state, command, now), now)
        case Extend():
            return _of_hold(state, command, extend(state, command, now), now)
        case Refund():
            refunded = refund(state, command, now)
            return _of_hold(state, command, Captured(*refunded) if isinstance(refunded, tuple) else refunded, now)
        case GrantTokens():
            return _of_grant(state, command, grant_tokens(state, command, now), now)
        case RevokeGrant() | ClawBack():
            return _of_grant(state, command, revoke_grant(state, command, now), now)
        case AssignTokens():
            return _of_grant(state, command, assign_tokens(state, command, now), now)
        case SendTokens():
            return _of_grant(state, command, send_tokens(state, command, now), now)
        case SettleOwed():
            return _of_account(state, command, settle_owed(state, command, now), command.amount, now)
        case _:
            assert_never(command)


def _decide_unkeyed(
    state: AccountState,
    command: Settle | OpenAccount | AdjustAccount | SetAlerts | CloseAccount | ReceiveTransfer,
    now: datetime,
) -> Refusal | None:
    match command:
        case Settle():
            return None
        case OpenAccount():
            open_account(state, command, now)
            return None
        case AdjustAccount():
            return adjust_account(state, command, now)
        case SetAlerts():
            return set_alerts(state, command, now)
        case CloseAccount():
            return close_account(state, command, now)
        case ReceiveTransfer():
            return receive_transfer(state, command, now)
        case _:
            assert_never(command)


def _replay(state: AccountState, command: KeyedCommand, known: Operation, now: datetime) -> Outcome:
    """The recorded effect with today's hold or grant and balance; another input under the same key is a conflict."""
    once = command.once
    if known.fingerprint != once.fingerprint:
        return IdempotencyConflict(once.key)
    if known.hold_id is not None:
        hold = state.holds[known.hold_id].snapshot()
        balance = _balance(state, command, now, spender_of(hold))
        return HoldEffect(hold, balance, known.amount, known.uncovered, replayed=True)
    if known.grant_id is not None:
        grant = copy(state.grants[known.grant_id])
        balance = _balance(state, command, now, _beneficiary(once, grant))
        return GrantEffect(grant, balance, replayed=True)
    if known.mutation == Mutation.SETTLE_OWED:
        return AccountEffect(state.account.snapshot(), _balance(state, command, now))
    raise AssertionError(f"operation {known.mutation} {known.key!r} recorded no effect")


def _of_hold(state: AccountState, command: KeyedCommand, result: Hold | Captured | Outcome, now: datetime) -> Outcome:
    if isinstance(result, Hold):
        hold, amount, uncovered = result, 0, 0
    elif isinstance(result, Captured):
        hold, amount, uncovered = result.hold, result.amount, result.uncovered
    else:
        return result
    once = command.once
    _remember(state, Operation(once.mutation, once.key, once.fingerprint, now, hold.hold_id, None, amount, uncovered))
    balance = _balance(state, command, now, spender_of(hold))
    return HoldEffect(hold.snapshot(), balance, amount, uncovered)


def _of_grant(state: AccountState, command: KeyedCommand, result: Grant | Outcome, now: datetime) -> Outcome:
    if not isinstance(result, Grant):
        return result
    once = command.once
    _remember(state, Operation(once.mutation, once.key, once.fingerprint, now, None, result.grant_id))
    balance = _balance(state, command, now, _beneficiary(once, result))
    return GrantEffect(copy(result), balance)


def _beneficiary(once: Once, grant: Grant) -> Spender:
    """Whose balance is shown with a grant: its owner's where it was assigned, else the pool's."""
    return Spender(grant.member_id, grant.project) if once.mutation == Mutation.ASSIGN_TOKENS else POOL


def _of_account(
    state: AccountState, command: KeyedCommand, refused: Refusal | None, amount: int, now: datetime
) -> Outcome:
    """What took effect on no hold and no grant is remembered by its amount alone."""
    if refused is not None:
        return refused
    once = command.once
    _remember(state, Operation(once.mutation, once.key, once.fingerprint, now, amount=amount))
    return AccountEffect(state.account.snapshot(), _balance(state, command, now))


def _balance(state: AccountState, command: AnyCommand, now: datetime, spender: Spender = POOL) -> BalanceSnapshot:
    """As a read by the command's price book shows it."""
    return balance_of(state, now, command.daily_limit, spender, since=command.daily_limit_since)


def _remember(state: AccountState, operation: Operation) -> None:
    state.operations[(operation.mutation, operation.key)] = operation
    state.new_operations.append(operation)
