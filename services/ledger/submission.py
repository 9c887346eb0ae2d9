"""A command on its way through the writer, with the rows that ride along and the caller who waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from rules.changes import Change
from rules.ledger.commands import AnyCommand
from rules.ledger.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message from outside, written with its effect so that it applies once; `message_id` is unique per origin."""

    origin: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Profile:
    """An account's profile, written by the command that opens the account."""

    external_id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Riders:
    """Rows of other tables that are written in the command's own transaction, and only if it takes effect."""

    messages: tuple[InboxMessage, ...] = ()
    profile: Profile | None = None
    name: str | None = None
    """The account's new display name."""
    change: Change | None = None
    """The administrative act that this is, for the change log."""


NO_RIDERS = Riders()


@dataclass(frozen=True, slots=True)
class AlreadyApplied:
    """A riding message was applied before, by another command: nothing was done."""

    message: InboxMessage


LedgerOutcome = Outcome | AlreadyApplied


@dataclass(slots=True, eq=False)
class Submission:
    """One queued command. The future is resolved after COMMIT, never before."""

    command: AnyCommand
    riders: Riders
    future: asyncio.Future[LedgerOutcome]
    deadline: float
    """Loop time after which nobody waits any more; a lost connection is not retried beyond it."""

    @property
    def account_id(self) -> UUID:
        """Whose command it is."""
        return self.command.account_id

    def resolve(self, outcome: LedgerOutcome) -> None:
        """Answers the caller, if it still waits."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        """Tells the caller that the command could not be judged."""
        if not self.future.done():
            self.future.set_exception(error)
