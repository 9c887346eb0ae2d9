"""When keys, and client tokens made with them, were last used.

Noted in memory, written once a minute, never while a request waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable

WRITE_INTERVAL_SECONDS: Final = 60.0
KEYS_NOTED_MAX: Final = 10_000
"""Keys between two writes; the use of further ones is noted with the next."""

_log = logging.getLogger(__name__)


class KeyUses:
    """Collects which keys were used. `start` and `stop` belong to the owner of the process."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._used_at_seconds: dict[tuple[UUID, bool], float] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, key_id: UUID, *, by_token: bool = False) -> None:
        """The key was used now; `by_token`: a client token that was made with it."""
        use = (key_id, by_token)
        if use in self._used_at_seconds or len(self._used_at_seconds) < KEYS_NOTED_MAX:
            self._used_at_seconds[use] = self._monotonic()

    async def write(self) -> None:
        """Writes what was noted since the last time. Raises `DatabaseUnavailable`; what was noted is then forgotten."""
        noted, self._used_at_seconds = self._used_at_seconds, {}
        if not noted:
            return
        now_seconds = self._monotonic()
        ages_seconds = [now_seconds - used_at_seconds for used_at_seconds in noted.values()]
        async with self._database.administration() as connection:
            key_ids, by_token = [key_id for key_id, _ in noted], [by_token for _, by_token in noted]
            await connection.execute(statement("record_key_uses"), key_ids, ages_seconds, by_token)

    def start(self) -> None:
        """Begins to write every minute."""
        self._task = asyncio.create_task(self._keep_writing(), name="key uses")

    async def stop(self) -> None:
        """Ends it, with one last write."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self._try_to_write()

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_INTERVAL_SECONDS)
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.write()
        except DatabaseUnavailable as error:
            _log.warning("When keys were last used could not be written: %s", error)
