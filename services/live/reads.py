"""All reads of one process for its watched accounts: how many at once, how long, and who stops them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from services.live.canary import Canary
from services.live.episode import Episode
from services.live.patience import Patience
from services.live.reader import AccountReader, Reading, Wanted
from services.live.view import Event, View

READS_AT_ONCE_MAX = 6
"""Fewer than a process has connections: a thousand accounts that fall due at the same midnight must leave some to those
who pay."""


logger = logging.getLogger(__name__)


class ReadFailed(Exception):
    """The account could not be read now; already logged, worth another try."""


class Reads:
    """Runs reads as tasks of its own, a bounded number at once; `stop` ends those that still run."""

    def __init__(self, reader: AccountReader, canary: Canary) -> None:
        self._reader = reader
        self._turns = asyncio.Semaphore(READS_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._patience = Patience(canary)
        self._episode = Episode(logger, "reading watched accounts")

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Runs the coroutine in the background until it ends or `stop` is called."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for one of the places among the reads at once."""
        async with self._turns:
            yield

    async def read(self, tenant_id: UUID, account_id: UUID, wanted: Mapping[View[Event], Wanted]) -> Reading | None:
        """The account as these views show it, or None when there is no such account; raises ReadFailed."""
        try:
            # On a half-open connection it would never end.
            async with self._patience.limit():
                reading = await self._reader.read(tenant_id, account_id, wanted)
            if reading is not None and not wanted.keys() <= reading.events.keys():
                raise LookupError(f"nothing was read for {wanted.keys() - reading.events.keys()}")
        except Exception as error:
            # Whatever went wrong in a reader must not end the account's live view: it is read again.
            self._episode.failed(error)
            raise ReadFailed from error
        self._episode.over()
        return reading

    async def stop(self) -> None:
        """Cancels the reads that still run and waits for their end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
