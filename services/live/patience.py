"""How long an answer of the database is waited for before its connection counts as dead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from models.pool import time_limit
from services.live.canary import Canary

PATIENCE_SECONDS_MIN = 1.0
"""So soon a silent connection is given up where answers take milliseconds. The next comparison asks within a second and
gives up after one more: with what is asked anew all is right within three."""

PATIENCE_SECONDS_MAX = 12.0
"""A read goes back and forth up to twenty times on a new connection: enough for a database half a second away."""

_TIMES_THE_LAST_ANSWER = 4


class Patience:
    """Learns from the answers, as TCP learns when to send again: a database that is far is not taken for a dead one.

    Where it was too short and waits longer for once, `canary` tells whether there is still something to wait for.
    """

    __slots__ = ("_canary", "_seconds", "_was_in_vain")

    def __init__(self, canary: Canary | None = None) -> None:
        self._canary = canary
        self._seconds = PATIENCE_SECONDS_MIN
        self._was_in_vain = False

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Limits what is asked in the block, as `time_limit` does; when that is too short, the next may take twice as
        long.
        """
        loop = asyncio.get_running_loop()
        begun_at_seconds = loop.time()
        canary = self._canary if self._was_in_vain else None
        try:
            async with time_limit(self._seconds) as limit:
                with nullcontext() if canary is None else canary.watching(limit):
                    yield
        except Exception:
            # Of many that were given up together only the first counts.
            if loop.time() - begun_at_seconds >= self._seconds:
                self._seconds = min(2 * self._seconds, PATIENCE_SECONDS_MAX)
                self._was_in_vain = True
            raise
        taken_seconds = loop.time() - begun_at_seconds
        self._seconds = min(max(_TIMES_THE_LAST_ANSWER * taken_seconds, PATIENCE_SECONDS_MIN), PATIENCE_SECONDS_MAX)
        self._was_in_vain = False
