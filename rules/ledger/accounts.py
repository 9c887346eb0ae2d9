"""The account itself: opening it, and the settings that decisions rest on."""

from __future__ import annotations

from datetime import datetime

from rules.ledger.alerting import DAY_LIMIT_PERCENTS, LOW_BALANCE_PERCENTS, Alerting
from rules.ledger.commands import AdjustAccount, OpenAccount, PlanAssignment
from rules.ledger.entries import append, next_version
from rules.ledger.grants import months_after, receive
from rules.ledger.kinds import EntryKind, GrantSource
from rules.ledger.limits import change_calendar
from rules.ledger.refusals import CLOSED
from rules.ledger.state import UNLIMITED, AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, format_tokens

TRIAL_REF = "trial"
"""The source reference of the one trial grant that an account ever gets."""


def open_account(state: AccountState, command: OpenAccount, now: datetime) -> None:
    """Opens the account with its trial tokens and its plan; nothing happens when it is open already."""
    account = state.account
    if account.opened:
        return
    account.opened = True
    account.time_zone = command.time_zone
    account.grace_days = command.grace_days
    if (command.alert_percents, command.day_limit_percents) != (LOW_BALANCE_PERCENTS, DAY_LIMIT_PERCENTS):
        account.alerting = Alerting(command.alert_percents, (), command.day_limit_percents)
    state.account_changed = True
    give_once(state, GrantSource.TRIAL, TRIAL_REF, command.trial_amount, command.trial_expires_after_months, now)
    if command.plan is not None:
        account.plan_id = command.plan.plan_id
        _welcome(state, command.plan, now)


def give_once(
    state: AccountState, source: GrantSource, source_ref: str, amount: int, months: int | None, now: datetime
) -> None:
    """Tokens that an account gets once, ever: none if they ever came, whatever became of them.

    They expire so many months from now; None: never.
    """
    if amount <= 0 or source_ref in state.source_refs:
        return
    receive(
        state,
        Grant(
            grant_id=next_version(state),
            source=source,
            granted=amount,
            remaining=amount,
            created_at=now,
            expires_at=months_after(now, months) if months is not None else None,
            source_ref=source_ref,
        ),
        now,
    )


def adjust_account(state: AccountState, command: AdjustAccount, now: datetime) -> InvalidInput | None:
    """Changes settings; one ADJUSTMENT entry for each that really changes, so that watchers hear of it."""
    account = state.account
    if account.closed_at is not None:
        return InvalidInput("accountId", CLOSED)
    if command.credit_limit is not None and command.credit_limit > MAX_MICROS - account.total:
        return InvalidInput("creditLimit", "more would be available than can be counted")
    plan = command.plan if command.plan is not None and command.plan.plan_id != account.plan_id else None
    credit_limit = account.credit_limit if command.credit_limit is None else command.credit_limit
    is_first = plan is not None and plan.source_ref not in state.source_refs
    if plan is not None and is_first and plan.tokens > MAX_MICROS - account.total - max(0, credit_limit):
        return InvalidInput("planId", "with its tokens the account would hold more than can be counted")
    # From here on it succeeds.
    if command.time_zone is not None and command.time_zone != account.time_zone:
        note = f"timeZone {account.time_zone} -> {command.time_zone}"
        change_calendar(account, command.time_zone, now)
        append(state, EntryKind.ADJUSTMENT, now, note=note)
    if command.frozen is not None and command.frozen != account.frozen:
        account.frozen = command.frozen
        append(state, EntryKind.ADJUSTMENT, now, note=f"frozen {str(command.frozen).lower()}")
    if command.credit_limit is not None and command.credit_limit != account.credit_limit:
        note = f"creditLimit {shown_credit_limit(account.credit_limit)} -> {shown_credit_limit(command.credit_limit)}"
        account.credit_limit = command.credit_limit
        append(state, EntryKind.ADJUSTMENT, now, note=note)
    if plan is not None:
        note = f"plan {account.plan_id or 'none'} -> {plan.plan_id or 'none'}"
        account.plan_id = plan.plan_id
        append(state, EntryKind.ADJUSTMENT, now, note=note)
        _welcome(state, plan, now)
    return None


def _welcome(state: AccountState, plan: PlanAssignment, now: datetime) -> None:
    """A plan's tokens that come once, with its first assignment; whoever leaves it and returns has had them."""
    give_once(state, GrantSource.PLAN, plan.source_ref, plan.tokens, plan.expires_after_months, now)


def shown_credit_limit(credit_limit: int) -> str:
    """A credit limit in the words of the journal and the change log."""
    return "unlimited" if credit_limit == UNLIMITED else format_tokens(credit_limit)
