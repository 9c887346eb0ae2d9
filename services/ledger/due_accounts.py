"""Settles what is due: for a moved test clock at once, and now and then for accounts that nobody looks at.

Nothing depends on it for correctness, because whoever loads or reads an account settles it first; it tidies, and makes
events of unwatched accounts come near their time.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.ledger.commands import Settle
from services.ledger.lane import LedgerUnavailable
from services.ledger.writer import Writer

ACCOUNTS_MAX: Final = 500
"""Accounts settled side by side: about two batches for each lane."""

SWEEP_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


async def settle_due_accounts(database: Database, writer: Writer, tenant_id: UUID | None = None) -> int:
    """Settles every account that is due, of one tenant or of all; gives how many times an account was settled."""
    settled = 0
    while True:
        async with database.spanning_reader() as connection:
            due = await connection.fetch(statement("list_due_accounts"), tenant_id, ACCOUNTS_MAX)
        if not due:
            return settled
        await asyncio.gather(*(writer.submit(Settle(row["tenant_id"], row["account_id"])) for row in due))
        settled += len(due)


class Sweeper:
    """Settles due accounts every few seconds until it is left; an async context manager."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="ledger sweeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await settle_due_accounts(self._database, self._writer)
            except (DatabaseUnavailable, LedgerUnavailable) as error:
                logger.warning("sweeping due accounts waits for the database: %s", error)
            except Exception:
                # The sweep is a convenience: whatever is wrong must not end it for good.
                logger.exception("sweeping due accounts failed")
