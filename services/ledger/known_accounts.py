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
from rules.ledger.state import AccountState, Grant
from services.ledger.submission import InboxMessage

ACCOUNTS_MAX: Final = 4_096
"""Accounts that a lane knows at once; those that were longest not asked for go first."""

GRANTS_MAX: Final = 32
"""An account with more open grants is loaded each time."""

GRANTS_KNOWN_MAX: Final = 16_384
"""Open grants that a lane knows at once, of all its accounts."""

KNOWN_SECONDS_MAX: Final = 3_600.0
"""Transaction ids come round again after four billion; what was not compared for so long is forgotten long before."""

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
    loaded_at_seconds: float = field(default_factory=monotonic)
    """When it was `now`, by the process's own clock."""
    kept_at: float = 0.0
    """When the lane last remembered it, on its own clock."""

    def add_grant(self, grant: Grant) -> None:
        """Adds a grant that was loaded, unless it is known."""
        if grant.grant_id not in self.state.grants:
            self.state.grants[grant.grant_id] = grant
            self.grant_rests[grant.grant_id] = short_rows.grant_rest(grant)
        self.state.source_refs[grant.source_ref] = grant.grant_id

    def forget_spent_grants(self) -> None:
        """Leaves the open grants, which are what is loaded where none is asked for."""
        state = self.state
        state.grants = {grant_id: grant for grant_id, grant in state.grants.items() if grant.remaining}
        state.source_refs = {grant.source_ref: grant_id for grant_id, grant in state.grants.items()}
        self.grant_rests = {grant_id: self.grant_rests[grant_id] for grant_id in state.grants}

    def end_batch(self) -> None:
        """Leaves the account and its grants as they are written, and nothing else of this batch."""
        self.state.end_batch()
        self.drained = True
        if self.allocations_loaded:
            self.allocations_loaded = {}
        if self.messages:
            self.messages = set()
        if self.new_messages:
            self.new_messages = []
        if self.changes:
            self.changes = []
        self.profile = self.name = None


class KnownAccounts:
    """What one lane knows. Whoever takes an account owns its rows; kept after the commit, it is known again."""

    def __init__(self) -> None:
        self._known: dict[UUID, LoadedAccount] = {}
        self._grants = 0

    def take(self, account_id: UUID) -> LoadedAccount | None:
        """Gives what is known of an account, as its last batch left it, and forgets it."""
        known = self._known.pop(account_id, None)
        if known is None:
            return None
        self._grants -= len(known.state.grants)
        return known if monotonic() - known.kept_at < KNOWN_SECONDS_MAX else None

    def keep(self, accounts: Iterable[LoadedAccount]) -> None:
        """Remembers accounts as the transaction that has just committed left them."""
        kept_at = monotonic()
        for loaded in accounts:
            account, grants = loaded.state.account, loaded.state.grants
            # What was split off needs the grants that it came from, which the loader looks for.
            if not account.opened or account.assigned or len(grants) > GRANTS_MAX:
                continue
            for grant in grants.values():
                if grant.remaining == 0:
                    loaded.forget_spent_grants()
                    break
            loaded.end_batch()
            loaded.kept_at = kept_at
            self._known[account.account_id] = loaded
            self._grants += len(loaded.state.grants)
        while len(self._known) > ACCOUNTS_MAX or self._grants > GRANTS_KNOWN_MAX:
            self.take(next(iter(self._known)))

    def forget(self) -> None:
        """Forgets everything: the connection is gone, and with it whatever its last transaction came to."""
        self._known.clear()
        self._grants = 0
