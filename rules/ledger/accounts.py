"""The account itself: opening it, and the settings that decisions rest on."""

from __future__ import annotations

from datetime import datetime

from rules.ledger.alerting import DAY_LIMIT_PERCENTS, LOW_BALANCE_PERCENTS, Alerting
from rules.ledger.commands import AdjustAccount, OpenAccount
from rules.ledger.entries import append, next_version
from rules.ledger.grants import months_after, receive
from rules.ledger.kinds import EntryKind, GrantSource
from rules.ledger.limits import change_calendar
from rules.ledger.state import UNLIMITED, AccountState, Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, format_tokens

TRIAL_REF = "trial"
"""The source reference of the one trial grant that an account ever gets."""


def open_account(state: AccountState, command: OpenAccount, now: datetime) -> None:
    """Opens the account with its trial tokens; nothing happens when it is open already."""
    account = state.account
    if account.opened:
        return
    account.opened = True
    account.time_zone = command.time_zone
    account.grace_days = command.grace_days
    if (command.alert_percents, command.day_limit_percents) != (LOW_BALANCE_PERCENTS, DAY_LIMIT_PERCENTS):
        account.alerting = Alerting(command.alert_percents, (), command.day_limit_percents)
    state.account_changed = True
    if command.trial_amount <= 0:
        return
    months = command.trial_expires_after_months
    receive(
        state,
        Grant(
            grant_id=next_version(state),
            source=GrantSource.TRIAL,
            granted=command.trial_amount,
            remaining=command.trial_amount,
            created_at=now,
            expires_at=months_after(now, months) if months is not None else None,
            source_ref=TRIAL_REF,
        ),
        now,
    )


def adjust_account(state: AccountState, command: AdjustAccount, now: datetime) -> InvalidInput | None:
    """Changes settings; one ADJUSTMENT entry for each that really changes, so that watchers hear of it."""
    account = state.account
    if command.credit_limit is not None and command.credit_limit > MAX_MICROS - account.total:
        return InvalidInput("creditLimit", "more would be available than can be counted")
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
    return None


def shown_credit_limit(credit_limit: int) -> str:
    """A credit limit in the words of the journal and the change log."""
    return "unlimited" if credit_limit == UNLIMITED else format_tokens(credit_limit)
