"""Tells when a database that was silent answers again, so that nobody waits for an answer that was lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from models.pool import TimeLimit, time_limit

CANARY_SECONDS = 1.0
"""For the trifle to be answered, and between two of them: with what is asked anew all is right within three."""

RETRY_SECONDS = 0.25
"""The wait after one that was not answered."""


class Canary:
    """Asks a trifle, over and over, while answers are waited for longer than usual.

    What was asked before a trifle went unanswered, and still waits when the next one is answered, was lost on the way:
    its time is over at once, and it is asked anew. What is only slow keeps its time: while trifles are answered all
    along nothing counts as lost, and nothing does while none is, as of a database too far away to answer one in time.
    """

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self._ask = ask
        self._waiting: dict[TimeLimit, float] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, limit: TimeLimit) -> Iterator[None]:
        """Ends the limit early where what is asked in the block was lost; within the limit's own block."""
        self._waiting[limit] = asyncio.get_running_loop().time()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live canary")
        try:
            yield
        finally:
            del self._waiting[limit]

    async def stop(self) -> None:
        """Ends the asking and waits for its end; may be called again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        unanswered_at_seconds: float | None = None
        while self._waiting:
            begun_at_seconds = loop.time()
            try:
                async with time_limit(CANARY_SECONDS):
                    await self._ask()
            except Exception:
                # Whatever it is, it is told of by what waits. What was asked later may be on its way yet.
                unanswered_at_seconds = begun_at_seconds
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if unanswered_at_seconds is not None:
                for limit, asked_at_seconds in tuple(self._waiting.items()):
                    if asked_at_seconds <= unanswered_at_seconds:
                        limit.end_now()
                unanswered_at_seconds = None
            await asyncio.sleep(CANARY_SECONDS)
