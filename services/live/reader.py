"""What the live layer needs to know of an account, and who reads it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.live.view import Event, View


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a read is to bring for one view."""

    before: Event | None
    """The view's event of the read before, which its subscribers were shown; None: nothing was read for it yet.

    What adds up since then goes into the new event; how far `before` came (its version, and whatever else a view
    counts by) is the view's own to keep in it.
    """
    joins: bool
    """Whether somebody waits for a first event, so that the new one must have a `first`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An account at one moment, as each view that was wanted shows it; readings are ordered by (version, as_of)."""

    version: int
    """The account's latest journal entry."""
    as_of: datetime
    """The latest of the version's instant and those since then at which something else came to be shown, such as a
    day's beginning; an event's own may be later (`Event.as_of`)."""
    due_in_seconds: float | None
    """Time from the read until something next falls due on the tenant's clock, for any view; None: nothing will."""
    events: Mapping[View[Event], Event]
    """One for each view that was wanted."""
    besides: Hashable = None
    """What the views show besides what the version says, such as the day that runs; it is only compared."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an account stands, without what it holds.

    `due_in_seconds` counts the same things as the reading's, 0 or less when overdue: an account whose two
    answers disagree by more than a second at one version is taken to have had its clock moved, and read again. So is
    one that has another `besides` at one version.
    """

    version: int
    due_in_seconds: float | None
    besides: Hashable = None


class AtHand(Protocol):
    """An account as this process has just committed it, so that it need not be read.

    Good only while it is announced: whoever is told looks at once or never, for the next command may change it.
    """

    def __call__(self, tenant_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        """What a read that began now would bring, for those who follow already; None where it must be read.

        Whoever joins is not to be shown it: another process may have committed more, and told of it, already.
        """


class AccountReader(Protocol):
    """Reads the database; its answers hold everything committed before the call began."""

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        """The account now, with all that is due settled first; None when this tenant has no such account.

        All views from one snapshot of the database, in few statements however many views there are.
        """

    async def positions(self, accounts: Sequence[UUID]) -> Mapping[UUID, Position]:
        """Where these accounts stand, in one query that settles nothing; unknown accounts are left out."""
