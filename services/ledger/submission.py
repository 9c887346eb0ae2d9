"""A command on its way through the writer, with the rows that ride along and the caller who waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from rules.changes import Change
from rules.ledger.commands import AnyCommand
from rules.ledger.outcomes import Outcome

SERVER: Final = "server"
"""The origin of keys that the server makes."""


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
    referrer_id: UUID | None = None
    """Whose referral code it came with."""


@dataclass(frozen=True, slots=True)
class PurchaseSignal:
    """A grant that was bought: what share of the first one its referrer earns, and the card that paid, if known."""

    percent: int
    card_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Riders:
    """Rows of other tables that are written in the command's own transaction, and only if it takes effect."""

    messages: tuple[InboxMessage, ...] = ()
    profile: Profile | None = None
    name: str | None = None
    """The account's new display name."""
    change: Change | None = None
    """The administrative act that this is, for the change log."""
    purchase: PurchaseSignal | None = None
    itself: InboxMessage | None = None
    """What tells a command without a key from every other: sent again because its answer was lost, it does nothing
    more, so that what others set in between stays. See `unkeyed`."""

    @property
    def all_messages(self) -> tuple[InboxMessage, ...]:
        """Those from outside, and the command's own."""
        return self.messages if self.itself is None else (*self.messages, self.itself)


def unkeyed() -> InboxMessage:
    """A key that the server makes for one submission of a command that has none of its caller's."""
    return InboxMessage(SERVER, uuid4().hex)


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
