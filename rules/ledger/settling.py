"""Settling what is owed: a debt that was paid elsewhere is taken off, and no token moves."""

from __future__ import annotations

from datetime import datetime

from rules.ledger.commands import SettleOwed
from rules.ledger.entries import append
from rules.ledger.kinds import EntryKind
from rules.ledger.refusals import Refusal
from rules.ledger.state import AccountState
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import format_tokens


def settle_owed(state: AccountState, command: SettleOwed, now: datetime) -> Refusal | None:
    """One SETTLEMENT entry: what was clawed back is paid first, then what is drawn on the credit line."""
    if command.refusal is not None:
        return command.refusal
    account = state.account
    if command.amount > account.owed:
        return InvalidInput("amount", f"must be no more than is owed: {format_tokens(account.owed)} tokens")
    # From here on it succeeds.
    clawed = min(command.amount, account.clawed_back)
    append(
        state,
        EntryKind.SETTLEMENT,
        now,
        drawn=clawed - command.amount,
        clawed=-clawed,
        note=command.note,
        text_salt=command.text_salt,
    )
    return None
