"""The ledger's writer: commands in, outcomes out, committed in groups."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from models.database import Database
from rules.ledger.commands import AnyCommand
from services.ledger.lane import Announce, Lane, LedgerUnavailable
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Riders, Submission

LANES: Final = 2
"""One less would idle while its batch commits; more only make batches smaller."""

ANSWER_SECONDS_MAX: Final = 12.0
"""How long a caller waits. The command may still take effect later; its key tells."""


def lane_of(account_id: UUID, lanes: int) -> int:
    """The lane that serves an account in this process; other processes may serve it too, the row lock is the truth."""
    return account_id.bytes[15] % lanes


class Writer:
    """Submits commands to its lanes; an async context manager that finishes what is queued on leaving."""

    def __init__(
        self,
        database: Database,
        *,
        announce: Announce = lambda changed: None,
        lanes: int = LANES,
    ) -> None:
        self._lanes = [Lane(database, announce, f"ledger lane {number}") for number in range(lanes)]
        self._waiting = WaitingCallers()

    async def __aenter__(self) -> Self:
        for lane in self._lanes:
            lane.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(lane.stop() for lane in self._lanes))

    async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
        """Judges one command; the answer is committed when it comes. A caller that goes away cancels nothing.

        Raises `LedgerUnavailable` when it could not be judged in time; a retry with the same key is safe.
        """
        loop = asyncio.get_running_loop()
        submission = Submission(command, riders, loop.create_future(), loop.time() + ANSWER_SECONDS_MAX)
        self._lanes[lane_of(command.account_id, len(self._lanes))].submit(submission)
        self._waiting.add(submission)
        try:
            return await submission.future
        finally:
            self._waiting.discard(submission)


class WaitingCallers:
    """Those who wait for an answer, and one timer for all: everybody waits equally long, so the first is due first."""

    def __init__(self) -> None:
        self._waiting: dict[Submission, None] = {}
        self._is_timed = False

    def add(self, submission: Submission) -> None:
        """Tells the caller at its deadline, unless it is discarded before."""
        self._waiting[submission] = None
        if not self._is_timed:
            self._is_timed = True
            asyncio.get_running_loop().call_at(submission.deadline, self._give_up)

    def discard(self, submission: Submission) -> None:
        """It has its answer, or went away."""
        self._waiting.pop(submission, None)

    def _give_up(self) -> None:
        self._is_timed = False
        loop = asyncio.get_running_loop()
        now = loop.time()
        for submission in list(self._waiting):
            if submission.deadline > now:
                self._is_timed = True
                loop.call_at(submission.deadline, self._give_up)
                return
            submission.fail(LedgerUnavailable("the ledger did not answer in time; ask again with the same key"))
