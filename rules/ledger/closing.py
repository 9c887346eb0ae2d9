"""Closing an account, for good: what no hold has set aside is revoked at once, what comes back later as it comes."""

from __future__ import annotations

from datetime import datetime

from rules.ledger.commands import CloseAccount
from rules.ledger.entries import append
from rules.ledger.grants import revoke_rest
from rules.ledger.kinds import EntryKind
from rules.ledger.refusals import Refusal
from rules.ledger.state import AccountState


def close_account(state: AccountState, command: CloseAccount, now: datetime) -> Refusal | None:
    """Closes the account; nothing happens when it is closed already."""
    account = state.account
    if account.closed_at is not None:
        return None
    if command.refusal is not None:
        return command.refusal
    # From here on it succeeds.
    account.closed_at = now
    note = "closed" if command.note is None else f"closed: {command.note}"
    append(state, EntryKind.ADJUSTMENT, now, note=note, text_salt=command.text_salt)
    for grant_id in sorted(state.grants):
        grant = state.grants[grant_id]
        if grant.ended is None and grant.remaining > 0:
            revoke_rest(state, grant, now)
    return None
