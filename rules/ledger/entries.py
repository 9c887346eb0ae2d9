"""Writing the journal: the only place where an account's sums and version change."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from rules.ledger.journal import Entry, chained_hash, digest_of_text, epoch_micros
from rules.ledger.kinds import EntryKind
from rules.ledger.state import AccountState


def append(
    state: AccountState,
    kind: EntryKind,
    at: datetime,
    *,
    total: int = 0,
    held: int = 0,
    drawn: int = 0,
    clawed: int = 0,
    spent: int = 0,
    member_id: UUID | None = None,
    project: str | None = None,
    model: str | None = None,
    category: str | None = None,
    hold_id: int | None = None,
    grant_id: int | None = None,
    ref: str | None = None,
    note: str | None = None,
    text_salt: bytes = b"",
) -> int:
    """Adds one entry, applies its changes to the account's sums, and gives its version.

    `drawn` and `clawed` are the two parts of what is owed. `at` is moved up to the account's last instant if it lies
    before it, so that the journal's time never runs backwards.
    """
    account = state.account
    account.version = version = account.version + 1
    account.total += total
    account.held += held
    account.credit_drawn += drawn
    account.clawed_back += clawed
    account.last_at = at = max(at, account.last_at)
    available = account.available
    text_digest = digest_of_text(text_salt, ref, note)
    numbers = (
        version,
        epoch_micros(at),
        total,
        held,
        drawn + clawed,
        clawed,
        spent,
        available,
        account.credit_limit,
        hold_id or 0,
        grant_id or 0,
    )
    account.head_hash = chained_hash(
        account.head_hash,
        account.tenant_id,
        account.account_id,
        numbers,
        kind,
        member_id,
        project,
        model,
        category,
        text_digest,
    )
    state.entries.append(
        Entry(
            account.account_id,
            version,
            kind,
            at,
            total,
            held,
            drawn + clawed,
            clawed,
            spent,
            available,
            account.credit_limit,
            member_id,
            project,
            model,
            category,
            hold_id,
            grant_id,
            ref,
            note,
            text_salt if text_digest else b"",
            text_digest,
            account.head_hash,
        )
    )
    state.account_changed = True
    return version


def next_version(state: AccountState) -> int:
    """The version that the next entry will get: the id of what that entry makes."""
    return state.account.version + 1
