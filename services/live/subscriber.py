"""One listener's view of an account: events that only rise, never faster than its pace."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Generic, Self, TypeVar

from services.live.pace import Pace
from services.live.view import Event

EventShown = TypeVar("EventShown", bound=Event)

logger = logging.getLogger(__name__)


class Subscriber(Generic[EventShown]):
    """An async iterator over a view's events with room for one: a newer event is conflated with one not yet taken.

    So a client that does not read costs no more than one that does. Ends when the account is gone or the server
    stops, after whatever still waits to be taken. To be iterated by one task at a time.
    """

    __slots__ = ("_ended", "_newest", "_pace", "_since_version", "_take", "_waiter", "_waiting")

    def __init__(self, since_version: int | None, pace: Pace | None = None) -> None:
        self._since_version = since_version
        self._newest: tuple[int, datetime] | None = None
        self._take: Callable[[EventShown], bool] | None = None
        self._waiting: EventShown | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._pace = pace or Pace()
        self._ended = False

    def hand_to(self, take: Callable[[EventShown], bool]) -> None:
        """Has events handed over at once to `take` while the iteration waits for one: nobody need be woken for them.

        `take` must not block; where it returns False, or raises, the iteration gets the event.
        """
        self._take = take

    def offer(self, event: EventShown) -> None:
        """Shows this event next, unless it is no later than the last one offered or the first is already known."""
        order, newest = event.order, self._newest
        if newest is not None and order <= newest:
            return
        self._newest = order
        if newest is None and event.version == self._since_version and not event.was_reset:
            return
        untaken = self._waiting
        if untaken is None and self._is_taken(event):
            return
        self._waiting = event if untaken is None else event.conflated(untaken)
        self._wake()

    def end(self) -> None:
        """Ends the iteration; may be called again."""
        self._ended = True
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventShown:
        loop = asyncio.get_running_loop()
        while True:
            event = self._waiting
            if event is None:
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
            return event

    def _is_taken(self, event: EventShown) -> bool:
        """Whether it could be handed over: in order, in pace, and to one that is still there."""
        take, waiter = self._take, self._waiter
        if take is None or waiter is None or waiter.done():
            return False
        now = waiter.get_loop().time()
        if self._pace.delay_seconds(now) > 0:
            return False
        try:
            is_taken = take(event)
        except Exception:
            # One that fails must not keep the event from the others.
            logger.exception("an event could not be handed over")
            return False
        if is_taken:
            self._pace.spend(now)
        return is_taken

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
