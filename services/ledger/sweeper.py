"""The sweeper: what should be done now and then, although nothing depends on when.

It settles due accounts, so that events of unwatched ones come near their time, brings what is still on its way between
accounts, makes the journal's months ahead, deletes quotes that are long over, and does the chores of those who have
something to finish after a crash.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Final, Self

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from services.ledger.due_accounts import settle_due_accounts
from services.ledger.lane import LedgerUnavailable
from services.ledger.transfers import bring_transfers
from services.ledger.writer import Writer
from services.quotes import delete_old_quotes

SWEEP_SECONDS: Final = 5.0
MONTHS_SECONDS: Final = 6 * 3_600
"""How often the journal's months are looked after; three are always ahead."""

Chore = Callable[[], Awaitable[object]]
"""Something to be done in every sweep, a bounded part at a time."""

logger = logging.getLogger(__name__)


async def ensure_journal_months(database: Database, *, ahead_seconds: int = 0) -> None:
    """Makes the journal's missing months: of a long standstill, and three ahead of the furthest test clock.

    `ahead_seconds` is how far any of them is about to move on.
    """
    made = 1
    while made:
        # A transaction for each, because writers wait for its end.
        async with database.administration() as connection:
            made = await connection.fetchval(statement("ensure_journal_months"), ahead_seconds)


class Sweeper:
    """Sweeps every few seconds until it is left; an async context manager, which begins with the journal's months."""

    def __init__(self, database: Database, writer: Writer, chores: Sequence[Chore] = ()) -> None:
        self._database = database
        self._writer = writer
        self._chores = chores
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # Before anything is served: what fell due in a standstill is dated in its own month.
        await ensure_journal_months(self._database)
        self._task = asyncio.create_task(self._run(), name="ledger sweeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        months_at = monotonic() + MONTHS_SECONDS
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for chore in (self._settle, self._bring, self._delete, *self._chores):
                await _guarded(chore)
            if monotonic() >= months_at and await _guarded(self._ensure_months):
                months_at = monotonic() + MONTHS_SECONDS

    async def _settle(self) -> None:
        await settle_due_accounts(self._database, self._writer)

    async def _bring(self) -> None:
        await bring_transfers(self._database, self._writer)

    async def _delete(self) -> None:
        await delete_old_quotes(self._database)

    async def _ensure_months(self) -> None:
        await ensure_journal_months(self._database)


async def _guarded(chore: Chore) -> bool:
    """Does it, and says whether it came to its end: one that fails keeps no other from being done."""
    try:
        await chore()
    except (DatabaseUnavailable, LedgerUnavailable) as error:
        logger.warning("the sweep waits for the database: %s", error)
    except Exception:
        # A convenience: whatever is wrong must not end it for good.
        logger.exception("the sweep failed")
    else:
        return True
    return False
