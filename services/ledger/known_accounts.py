"""Accounts that a lane has just written: what it need not load again while nobody else has written them.

The row lock and the row itself stay the truth. Under the lock the loader compares each account's `xmin` with the
transaction that wrote what is known here, and loads whatever was written by anybody else. Nothing is known of a
transaction before it has committed, and nothing outlives the connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import UUID

from models.ledger import rows, short_rows
from rules.ledger.state import Account, AccountState, Grant
from services.ledger.submission import InboxMessage

ACCOUNTS_MAX: Final = 4_096
"""Accounts that a lane knows at once, some kilobytes each; those that were longest not asked for go first."""

GRANTS_MAX: Final = 32
"""An account with more open grants is loaded each time."""

KNOWN_SECONDS_MAX: Final = 3_600.0
"""Transaction ids come round again after four billion; what is known is forgotten long before."""

NEVER_WRITTEN: Final = 0
"""The mark of what is not known: no transaction has this id."""


@dataclass(slots=True)
class LoadedAccount:
    """An account's state in this batch, its time, and what other rows of its were loaded."""

    state: AccountState
    now: datetime
    mark: int
    """The transaction that wrote the account's row, as the loader compares it."""
    rest: rows.Row
    """What a short row of the account leaves out, as it is in the database."""
    grant_rests: dict[int, rows.Row] = field(default_factory=dict)
    """The same of each grant that was loaded."""
    allocations_loaded: dict[int, int] = field(default_factory=dict)
    """How many allocations each hold had when it was loaded: later ones are new rows."""
    messages: set[InboxMessage] = field(default_factory=set)
    new_messages: list[InboxMessage] = field(default_factory=list)
    profile: rows.Row | None = None
    name: str | None = None
    changes: list[rows.Row] = field(default_factory=list)
    """Administrative acts that took effect."""
    drained: bool = True
    """False while more is due than was loaded; then nothing is decided for the account yet."""

    def add_grant(self, grant: Grant) -> None:
        """Adds a grant that was loaded, unless it is known."""
        if grant.grant_id not in self.state.grants:
            self.state.grants[grant.grant_id] = grant
            self.grant_rests[grant.grant_id] = short_rows.grant_rest(grant)
        self.state.source_refs[grant.source_ref] = grant.grant_id


@dataclass(slots=True)
class KnownAccount:
    """An account and its open grants as one transaction left them."""

    mark: int
    account: Account
    grants: dict[int, Grant]
    rest: rows.Row
    grant_rests: dict[int, rows.Row]
    since: float

    def loaded(self, now: datetime, next_due_at: datetime | None) -> LoadedAccount:
        """The same as if it had been loaded."""
        refs = {grant.source_ref: grant_id for grant_id, grant in self.grants.items()}
        state = AccountState(self.account, self.grants, source_refs=refs, next_due_at=next_due_at)
        return LoadedAccount(state, now, self.mark, self.rest, self.grant_rests)


class KnownAccounts:
    """What one lane knows. Whoever takes an account owns its rows; kept after the commit, it is known again."""

    def __init__(self) -> None:
        self._known: dict[UUID, KnownAccount] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, account_id: UUID) -> KnownAccount | None:
        """Gives what is known of an account, and forgets it."""
        known = self._known.pop(account_id, None)
        return known if known is not None and monotonic() - known.since < KNOWN_SECONDS_MAX else None

    def keep(self, accounts: Iterable[LoadedAccount]) -> None:
        """Remembers accounts as the transaction that has just committed left them."""
        since = monotonic()
        for loaded in accounts:
            account, grants = loaded.state.account, loaded.state.grants
            # What was split off needs the grants that it came from, which the loader looks for.
            if not account.opened or account.assigned or len(grants) > GRANTS_MAX:
                continue
            rests = loaded.grant_rests
            if not all(grant.remaining for grant in grants.values()):
                grants = {grant_id: grant for grant_id, grant in grants.items() if grant.remaining}
                rests = {grant_id: rests[grant_id] for grant_id in grants}
            self._known[account.account_id] = KnownAccount(loaded.mark, account, grants, loaded.rest, rests, since)
        while len(self._known) > ACCOUNTS_MAX:
            del self._known[next(iter(self._known))]

    def forget(self) -> None:
        """Forgets everything: the connection is gone, and with it whatever its last transaction came to."""
        self._known.clear()
