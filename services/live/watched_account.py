"""One account that somebody of this process watches: when it is read, and who is shown the result."""

import asyncio
from typing import Generic, TypeVar
from uuid import UUID

from services.live.pace import Pace
from services.live.reader import Position, Snapshot
from services.live.reads import ReadFailed, Reads
from services.live.subscriber import Subscriber

RETRY_SECONDS_FIRST = 0.1
RETRY_SECONDS_MAX = 0.5
"""A failed read is tried again this often at the least: two tries fit well into the three seconds of healing."""

DUE_SECONDS_MAX = 86_400.0
"""Timers further away are cut to a day; the read that they cause arms the next."""

DUE_NOISE_SECONDS = 0.05
"""A comparison leaves the timer alone when it differs by no more than this: that is the two clocks' noise."""

DUE_JUMP_SECONDS = 1.0
"""A due instant that moved further although nothing was written: the tenant's clock was moved, perhaps past it."""

SnapshotShown = TypeVar("SnapshotShown", bound=Snapshot)


class WatchedAccount(Generic[SnapshotShown]):
    """Reads the account once per change for all its subscribers, one read at a time, and again when something is due.

    Changes that come while a read runs are answered by one more read. Reads keep the same pace as subscribers,
    except for one that joins: it is shown only what was read after it came, so that it never sees less than
    what it already knew.
    """

    __slots__ = (
        "_account_id",
        "_announced_version",
        "_due_at_seconds",
        "_due_timer",
        "_joined_meanwhile",
        "_latest",
        "_loop",
        "_pace",
        "_reading",
        "_reads",
        "_reads_begun",
        "_retry_seconds",
        "_start_timer",
        "_subscribers",
        "tenant_id",
    )

    def __init__(self, tenant_id: UUID, account_id: UUID, reads: Reads[SnapshotShown]) -> None:
        self.tenant_id = tenant_id
        self._account_id = account_id
        self._reads = reads
        self._loop = asyncio.get_running_loop()
        self._subscribers: dict[Subscriber[SnapshotShown], int] = {}
        self._latest: SnapshotShown | None = None
        self._pace = Pace()
        self._reading = False
        self._reads_begun = 0
        self._announced_version = 0
        self._joined_meanwhile = False
        self._retry_seconds = RETRY_SECONDS_FIRST
        self._start_timer: asyncio.TimerHandle | None = None
        self._due_timer: asyncio.TimerHandle | None = None
        self._due_at_seconds = 0.0

    @property
    def is_watched(self) -> bool:
        """Whether anybody still listens."""
        return bool(self._subscribers)

    def join(self, subscriber: Subscriber[SnapshotShown]) -> None:
        """Adds a listener and reads for it at once."""
        self._subscribers[subscriber] = self._reads_begun
        if self._reading:
            self._joined_meanwhile = True
        else:
            self._begin_read()

    def leave(self, subscriber: Subscriber[SnapshotShown]) -> None:
        """Takes a listener off; one that has left already is no fault."""
        self._subscribers.pop(subscriber, None)
        if not self._subscribers:
            self._cancel_timers()

    def end(self) -> None:
        """Ends every subscriber."""
        self._end_subscribers(list(self._subscribers))

    def announce(self, version: int) -> None:
        """Reads the account if it is said to have a version beyond the one shown."""
        if self._reading:
            self._announced_version = max(self._announced_version, version)
        elif self._latest is None or version > self._latest.version:
            self._read_in_pace()

    def compare(self, position: Position | None) -> None:
        """Reads the account if the database has moved on, something is overdue, or it is gone (None)."""
        if self._reading:
            if position is not None:
                self.announce(position.version)
            return
        latest = self._latest
        if latest is None or position is None or position.version > latest.version:
            self._read_in_pace()
        elif position.version == latest.version and position.due_in_seconds is not None:
            self._compare_due(position.due_in_seconds)

    def _read_in_pace(self) -> None:
        if self._reading or self._start_timer is not None or not self._subscribers:
            return
        delay_seconds = self._pace.delay_seconds(self._loop.time())
        if delay_seconds > 0:
            self._start_timer = self._loop.call_later(delay_seconds, self._begin_read)
        else:
            self._begin_read()

    def _begin_read(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
        self._reading = True
        self._reads.start(self._read())

    async def _read(self) -> None:
        try:
            async with self._reads.turn():
                # What was said before this line is covered by the read; what is said after it may not be.
                self._reads_begun += 1
                self._announced_version = 0
                self._joined_meanwhile = False
                self._pace.spend(self._loop.time())
                snapshot = await self._reads.read(self.tenant_id, self._account_id)
        except ReadFailed:
            self._reading = False
            self._retry_later()
            return
        self._reading = False
        self._retry_seconds = RETRY_SECONDS_FIRST
        if snapshot is None:
            self._end_subscribers(self._joined_before_read())
        else:
            self._show(snapshot)
        if self._subscribers and self._joined_meanwhile:
            self._begin_read()
        elif snapshot is not None and self._announced_version > snapshot.version:
            self._read_in_pace()

    def _retry_later(self) -> None:
        if self._subscribers:
            self._start_timer = self._loop.call_later(self._retry_seconds, self._begin_read)
            self._retry_seconds = min(self._retry_seconds * 2, RETRY_SECONDS_MAX)

    def _show(self, snapshot: SnapshotShown) -> None:
        latest = self._latest
        if latest is None or (snapshot.version, snapshot.as_of) > (latest.version, latest.as_of):
            self._latest = latest = snapshot
        for subscriber in self._joined_before_read():
            subscriber.offer(latest)
        self._arm_due_timer(snapshot.due_in_seconds)

    def _joined_before_read(self) -> list[Subscriber[SnapshotShown]]:
        return [subscriber for subscriber, begun in self._subscribers.items() if begun < self._reads_begun]

    def _end_subscribers(self, subscribers: list[Subscriber[SnapshotShown]]) -> None:
        for subscriber in subscribers:
            subscriber.end()
            self.leave(subscriber)

    def _compare_due(self, due_in_seconds: float) -> None:
        due_at_seconds = self._loop.time() + due_in_seconds
        moved_seconds = abs(due_at_seconds - self._due_at_seconds)
        if due_in_seconds <= 0 or (self._due_timer is not None and moved_seconds > DUE_JUMP_SECONDS):
            self._read_in_pace()
        elif self._due_timer is None or moved_seconds > DUE_NOISE_SECONDS:
            self._arm_due_timer(due_in_seconds)

    def _arm_due_timer(self, due_in_seconds: float | None) -> None:
        self._cancel_due_timer()
        if due_in_seconds is None or not self._subscribers:
            return
        wait_seconds = min(max(due_in_seconds, 0.0), DUE_SECONDS_MAX)
        self._due_at_seconds = self._loop.time() + due_in_seconds
        self._due_timer = self._loop.call_later(wait_seconds, self._fall_due)

    def _fall_due(self) -> None:
        self._due_timer = None
        self._read_in_pace()

    def _cancel_due_timer(self) -> None:
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_due_timer()
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
