"""One listener's view of an account: snapshots that only rise, never faster than its pace."""

import asyncio
from typing import Generic, TypeVar

from services.live.pace import Pace
from services.live.reader import Snapshot

SnapshotShown = TypeVar("SnapshotShown", bound=Snapshot)


class Subscriber(Generic[SnapshotShown]):
    """An async iterator over snapshots with room for one: a newer snapshot replaces one that was not yet taken.

    So a client that does not read costs no more than one that does. Ends when the account is gone or the server
    stops, after whatever still waits to be taken. To be iterated by one task at a time.
    """

    __slots__ = ("_ended", "_newest", "_pace", "_since_version", "_waiter", "_waiting")

    def __init__(self, since_version: int | None) -> None:
        self._since_version = since_version
        self._newest: SnapshotShown | None = None
        self._waiting: SnapshotShown | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._pace = Pace()
        self._ended = False

    def offer(self, snapshot: SnapshotShown) -> None:
        """Shows this snapshot next, unless it is no later than the last one offered or the first is already known."""
        newest = self._newest
        if newest is not None and (snapshot.version, snapshot.as_of) <= (newest.version, newest.as_of):
            return
        self._newest = snapshot
        if newest is None and snapshot.version == self._since_version and not snapshot.was_reset:
            return
        self._waiting = snapshot
        self._wake()

    def end(self) -> None:
        """Ends the iteration; may be called again."""
        self._ended = True
        self._wake()

    def __aiter__(self) -> "Subscriber[SnapshotShown]":
        return self

    async def __anext__(self) -> SnapshotShown:
        loop = asyncio.get_running_loop()
        while True:
            snapshot = self._waiting
            if snapshot is None:
                if self._ended:
                    raise StopAsyncIteration
                await self._woken(None)
                continue
            delay_seconds = 0.0 if self._ended else self._pace.delay_seconds(loop.time())
            if delay_seconds > 0:
                await self._woken(delay_seconds)
                continue
            self._waiting = None
            self._pace.spend(loop.time())
            return snapshot

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _woken(self, at_most_seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if at_most_seconds is None else loop.call_later(at_most_seconds, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
