"""The loop that makes right whatever the bus lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.live.episode import Episode

HEALING_SECONDS = 1.0
"""The time between two comparisons: with one that fails and a read that fails, still within three seconds."""

COMPARE_GAP_SECONDS = 0.1
"""The least time between two comparisons, however many resyncs are called for."""

COMPARE_RETRY_SECONDS = 0.25
"""The wait after one that failed."""

logger = logging.getLogger(__name__)


class Healing:
    """Compares what is watched with the database, regularly and whenever a resync is called for.

    Without a period (None) only resyncs cause a comparison. `compare` bounds its own time. A comparison that fails is
    tried again until one succeeds, and is logged once.
    """

    def __init__(self, compare: Callable[[], Awaitable[None]], *, period_seconds: float | None) -> None:
        self._compare = compare
        self._period_seconds = period_seconds
        self._called = asyncio.Event()
        self._episode = Episode(logger, "comparing watched accounts with the database")
        self._task: asyncio.Task[None] | None = None

    def call(self) -> None:
        """Asks for a comparison as soon as may be; asking again meanwhile adds none."""
        self._called.set()

    def start(self) -> None:
        """Starts the loop; `stop` ends it."""
        self._task = asyncio.create_task(self._run(), name="live healing")

    async def stop(self) -> None:
        """Ends the loop and waits for its end; may be called again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._next_turn()
            self._called.clear()
            try:
                await self._compare()
            except Exception as error:
                # Nothing may end this loop: it is what makes every other fault pass.
                self._episode.failed(error)
                self._called.set()
                await asyncio.sleep(COMPARE_RETRY_SECONDS)
            else:
                self._episode.over()
                await asyncio.sleep(COMPARE_GAP_SECONDS)

    async def _next_turn(self) -> None:
        if self._period_seconds is None:
            await self._called.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, self._period_seconds - COMPARE_GAP_SECONDS)):
                await self._called.wait()
        except TimeoutError:
            return
