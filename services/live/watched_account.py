"""One account that somebody of this process watches: when it is read, and who is shown the result."""

import asyncio
import logging
from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.live.audience import Audience
from services.live.pace import Pace
from services.live.reader import AtHand, Position, Reading
from services.live.reads import ReadFailed, Reads
from services.live.subscriber import Subscriber
from services.live.view import View

RETRY_SECONDS_FIRST = 0.1
RETRY_SECONDS_MAX = 0.5
"""A failed read is tried again this often at the least: two tries fit well into the three seconds of healing."""

DUE_SECONDS_MAX = 86_400.0
"""Timers further away are cut to a day; the read that they cause arms the next."""

DUE_NOISE_SECONDS = 0.05
"""A comparison leaves the timer alone when it differs by no more than this: that is the two clocks' noise."""

DUE_JUMP_SECONDS = 1.0
"""A due instant that moved further although nothing was written: the tenant's clock was moved, perhaps past it."""

VIEWS_MAX = 1_000
"""Different views of one account that a process shows: each costs memory, and time at every change of the account."""

FREE_VIEWS_MAX = 100
"""Of which those that name something that need not exist; so whoever makes names up leaves room to the others."""

logger = logging.getLogger(__name__)


class TooManyViews(Exception):
    """So many different views of the account are watched that there is no room for one more."""


class WatchedAccount:
    """Reads the account once per change for all its subscribers, one read at a time, and again when something is due.

    A read brings what each view that somebody wants then shows. Changes that come while a read runs are answered by one
    more read. Reads keep the same pace as subscribers, except for one that joins: it is shown only what was read after
    it came. What this process has committed itself, and therefore has at hand, stands for the read that would follow,
    unless something later was announced, somebody has joined, or the read is for what no version tells.
    """

    __slots__ = (
        "_account_id",
        "_announced_version",
        "_audiences",
        "_besides",
        "_due_at_seconds",
        "_due_timer",
        "_handed",
        "_joined_meanwhile",
        "_latest",
        "_loop",
        "_must_read",
        "_pace",
        "_reading",
        "_reads",
        "_reads_begun",
        "_retry_seconds",
        "_start_timer",
        "tenant_id",
    )

    def __init__(self, tenant_id: UUID, account_id: UUID, reads: Reads) -> None:
        self.tenant_id = tenant_id
        self._account_id = account_id
        self._reads = reads
        self._loop = asyncio.get_running_loop()
        self._audiences: dict[View[Any], Audience] = {}
        """Only those that somebody is in: what is known of a view that nobody wants any more is forgotten."""
        self._latest: tuple[int, datetime] | None = None
        self._besides: Hashable = None
        self._pace = Pace()
        self._reading = False
        self._reads_begun = 0
        self._handed: tuple[Reading, float] | None = None
        """The latest that was at hand and waits for its turn, and the loop's time then."""
        self._announced_version = 0
        """The latest that was announced and that no read has covered; of one that failed, it has not."""
        self._must_read = False
        """Whether the database is to be asked whatever is announced: something is due, or shown otherwise by now."""
        self._joined_meanwhile = False
        self._retry_seconds = RETRY_SECONDS_FIRST
        self._start_timer: asyncio.Handle | None = None
        self._due_timer: asyncio.TimerHandle | None = None
        self._due_at_seconds = 0.0

    @property
    def is_watched(self) -> bool:
        """Whether anybody still listens."""
        return bool(self._audiences)

    def join(self, subscriber: Subscriber[Any], view: View[Any]) -> None:
        """Adds a listener to those who want this view and reads for it at once. Raises TooManyViews."""
        if view not in self._audiences and not self._has_room_for(view):
            raise TooManyViews
        self._audiences.setdefault(view, Audience()).join(subscriber, self._reads_begun)
        if self._reading:
            self._joined_meanwhile = True
        else:
            self._begin_read()

    def _has_room_for(self, view: View[Any]) -> bool:
        if len(self._audiences) >= VIEWS_MAX:
            return False
        return not view.has_free_text or sum(other.has_free_text for other in self._audiences) < FREE_VIEWS_MAX

    def leave(self, subscriber: Subscriber[Any], view: View[Any]) -> None:
        """Takes a listener off; one that has left already is no fault."""
        audience = self._audiences.get(view)
        if audience is None:
            return
        audience.leave(subscriber)
        if not audience:
            del self._audiences[view]
        if not self._audiences:
            self._cancel_timers()

    def end(self) -> None:
        """Ends every subscriber."""
        for audience in self._audiences.values():
            audience.end()
        self._forget_the_empty()

    def announce(self, version: int, at_hand: AtHand | None = None) -> None:
        """Reads the account if it is said to have a version beyond the one shown, or shows what is at hand of it."""
        if not self._reading and self._latest is not None and version <= self._latest[0]:
            return
        self._announced_version = max(self._announced_version, version)
        if at_hand is not None:
            self._hand(at_hand)
        if not self._reading:
            self._go_on_in_pace()

    def compare(self, position: Position | None) -> None:
        """Reads the account if the database has moved on, something else is shown, is overdue, or it is gone (None)."""
        if self._reading:
            if position is not None:
                self.announce(position.version)
            return
        latest = self._latest
        if position is None:
            self._read_in_pace()
        elif latest is None or position.version > latest[0]:
            self.announce(position.version)
        elif position.version == latest[0]:
            if position.besides != self._besides:
                self._read_in_pace()
            elif position.due_in_seconds is not None:
                self._compare_due(position.due_in_seconds)

    def _hand(self, at_hand: AtHand) -> None:
        """Keeps what is at hand until it may be shown. It must be asked for now, whatever the pace."""
        wanted = {view: audience.wanted for view, audience in self._audiences.items()}
        try:
            reading = at_hand(self.tenant_id, wanted)
        except Exception:
            # It can be read all the same.
            logger.exception("what is at hand of an account could not be made out")
            return
        if reading is not None:
            self._handed = reading, self._loop.time()

    def _read_in_pace(self) -> None:
        """As `_go_on_in_pace`, and nothing at hand stands for the read, until one has succeeded."""
        self._must_read = True
        self._go_on_in_pace()

    def _go_on_in_pace(self) -> None:
        """Has the account shown once the pace allows it: what is at hand, else a read."""
        if self._reading or self._start_timer is not None or not self._audiences:
            return
        delay_seconds = self._pace.delay_seconds(self._loop.time())
        if delay_seconds > 0:
            self._start_timer = self._loop.call_later(delay_seconds, self._go_on)
        elif self._handed is not None:
            # Behind the answers to those whose commands were committed, who wait for them.
            self._start_timer = self._loop.call_soon(self._go_on)
        else:
            self._begin_read()

    def _go_on(self) -> None:
        self._start_timer = None
        handed, self._handed = self._handed, None
        if handed is not None and self._stands_for_read(handed[0]):
            self._show_handed(*handed)
        else:
            self._begin_read()

    def _stands_for_read(self, reading: Reading) -> bool:
        # Of views that came later there is nothing in it, but whoever brought one awaits a read or has had it.
        is_awaited = any(audience.awaits_read for audience in self._audiences.values())
        return reading.version >= self._announced_version and not (is_awaited or self._must_read)

    def _show_handed(self, reading: Reading, at_seconds: float) -> None:
        now_seconds = self._loop.time()
        self._pace.spend(now_seconds)
        self._show(reading, 0, dict(self._audiences))
        due_in_seconds = reading.due_in_seconds
        self._arm_due_timer(None if due_in_seconds is None else due_in_seconds - (now_seconds - at_seconds))

    def _begin_read(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
        self._reading = True
        self._reads.start(self._read())

    async def _read(self) -> None:
        try:
            async with self._reads.turn():
                if not self._audiences:
                    # Who waited has left, and whoever comes now begins a read of its own.
                    self._reading = False
                    return
                # What was said before this line is covered by the read; what is said after it may not be.
                self._reads_begun += 1
                covered_version, self._announced_version = self._announced_version, 0
                self._joined_meanwhile = False
                self._pace.spend(self._loop.time())
                audiences = dict(self._audiences)
                wanted = {view: audience.wanted for view, audience in audiences.items()}
                reading = await self._reads.read(self.tenant_id, self._account_id, wanted)
        except ReadFailed:
            self._reading = False
            # It may be older than what was to be read.
            self._handed = None
            self._announced_version = max(self._announced_version, covered_version)
            self._retry_later()
            return
        self._reading = False
        # What fell due meanwhile is in it, or its own timer is armed for it below.
        self._must_read = False
        self._retry_seconds = RETRY_SECONDS_FIRST
        if reading is None:
            for audience in audiences.values():
                audience.end(self._reads_begun)
            self._forget_the_empty()
        else:
            if self._handed is not None and self._handed[0].version <= reading.version:
                self._handed = None
            self._show(reading, self._reads_begun, audiences)
            self._arm_due_timer(reading.due_in_seconds)
        if self._audiences and self._joined_meanwhile:
            self._begin_read()
        elif reading is not None and self._announced_version > reading.version:
            self._go_on_in_pace()

    def _show(self, reading: Reading, reads_begun: int, audiences: Mapping[View[Any], Audience]) -> None:
        order = reading.version, reading.as_of
        self._latest = order if self._latest is None else max(self._latest, order)
        self._besides = reading.besides
        for view, audience in audiences.items():
            try:
                audience.show(reading.events[view], reads_begun)
            except Exception:
                # Whatever is wrong with one view, the others are right.
                logger.exception("showing %s failed", type(view).__name__)

    def _retry_later(self) -> None:
        if self._audiences:
            self._start_timer = self._loop.call_later(self._retry_seconds, self._go_on)
            self._retry_seconds = min(self._retry_seconds * 2, RETRY_SECONDS_MAX)

    def _forget_the_empty(self) -> None:
        for view in [view for view, audience in self._audiences.items() if not audience]:
            del self._audiences[view]
        if not self._audiences:
            self._cancel_timers()

    def _compare_due(self, due_in_seconds: float) -> None:
        due_at_seconds = self._loop.time() + due_in_seconds
        moved_seconds = abs(due_at_seconds - self._due_at_seconds)
        if due_in_seconds <= 0 or (self._due_timer is not None and moved_seconds > DUE_JUMP_SECONDS):
            self._read_in_pace()
        elif self._due_timer is None or moved_seconds > DUE_NOISE_SECONDS:
            self._arm_due_timer(due_in_seconds)

    def _arm_due_timer(self, due_in_seconds: float | None) -> None:
        self._cancel_due_timer()
        if due_in_seconds is None or not self._audiences:
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
        self._handed = None
        self._cancel_due_timer()
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None
