"""One connection to a server that comes back by itself, whatever it speaks."""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Generic, TypeVar

from services.live.episode import Episode

CONNECT_SECONDS_MAX = 4.0
"""A connect goes back and forth several times; a server half a second away must still be reached."""

CLOSE_SECONDS_MAX = 0.5
COMMAND_SECONDS_MAX = 1.5
"""What takes longer counts as a lost connection: the other end may be gone without a word."""

PROBE_SECONDS = 1.0
"""How often an idle connection is asked whether it still lives; a half-open one would be silent for ever."""

RECONNECT_SECONDS_FIRST = 0.05
RECONNECT_SECONDS_MAX = 0.8
"""The longest wait between two tries, so that with the connect itself all is well within three seconds."""

ConnectionT = TypeVar("ConnectionT")

logger = logging.getLogger(__name__)


class ConnectionAway(Exception):
    """There is no connection now, and none came up in time."""


@asynccontextmanager
async def _answered_within(seconds: float) -> AsyncIterator[None]:
    """A time-out that says so: the log has nothing else to tell what is the matter by."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise ConnectionAway(str(error) or f"no answer within {seconds:g} s") from error


class Link(ABC, Generic[ConnectionT]):
    """How connections of one kind are made, asked whether they live, and ended.

    Whatever a method raises means that the connection is of no use. `place` is what is connected to, for people: no
    password.
    """

    place: str

    @abstractmethod
    async def make(self, lost: asyncio.Event) -> ConnectionT:
        """A new connection, which sets `lost` if it learns that it is gone; given CONNECT_SECONDS_MAX."""

    @abstractmethod
    async def probe(self, connection: ConnectionT) -> None:
        """Goes to the other end and back; given COMMAND_SECONDS_MAX."""

    @abstractmethod
    async def close(self, connection: ConnectionT) -> None:
        """Says goodbye; given CLOSE_SECONDS_MAX."""

    @abstractmethod
    async def abort(self, connection: ConnectionT) -> None:
        """Ends it without waiting for the other end, closed or not."""

    async def stay(self, connection: ConnectionT, lost: asyncio.Event, turn: asyncio.Lock) -> None:
        """Returns when `lost` is set, and raises when a probe, made in turn with other uses, is not answered."""
        while not lost.is_set():
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await lost.wait()
            except TimeoutError:
                async with turn, _answered_within(COMMAND_SECONDS_MAX):
                    await self.probe(connection)


class KeptConnection(Generic[ConnectionT]):
    """Connects in the background and again whenever the connection is lost, with growing, bounded waits.

    `prepare` runs on every new connection before it counts as up. Uses are one at a time; a use that fails gives
    the connection up, since nobody knows what it was in the middle of.
    """

    def __init__(
        self,
        link: Link[ConnectionT],
        *,
        purpose: str,
        prepare: Callable[[ConnectionT], Awaitable[None]] | None = None,
    ) -> None:
        self._link = link
        self._subject = f"the connection to {link.place} for {purpose}"
        self._purpose = purpose
        self._prepare = prepare
        self._connection: ConnectionT | None = None
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._turn = asyncio.Lock()
        self._episode = Episode(logger, self._subject)
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection is up as far as is known."""
        return self._connection is not None

    def start(self) -> None:
        """Begins to connect; `stop` ends it."""
        self._task = asyncio.create_task(self._keep(), name=self._purpose)

    async def stop(self) -> None:
        """Ends the connection and waits for the end; may be called again."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            # Once is not always enough: before Python 3.12 `wait_for`, which drivers use, may lose a cancellation.
            await asyncio.wait({task}, timeout=2 * CLOSE_SECONDS_MAX)

    @asynccontextmanager
    async def use(self, wait_seconds: float) -> AsyncIterator[ConnectionT]:
        """Lends the connection, waiting for it at most so long; raises ConnectionAway."""
        try:
            async with asyncio.timeout(wait_seconds):
                await self._up.wait()
                await self._turn.acquire()
        except TimeoutError:
            raise ConnectionAway(f"{self._subject} is away") from None
        try:
            connection, lost = self._connection, self._lost
            if connection is None:
                raise ConnectionAway(f"{self._subject} is away")
            try:
                yield connection
            except BaseException:
                self._take_down(connection)
                lost.set()
                await self._link.abort(connection)
                raise
        finally:
            self._turn.release()

    async def _keep(self) -> None:
        wait_seconds = RECONNECT_SECONDS_FIRST
        loop = asyncio.get_running_loop()
        while True:
            begun_at_seconds = loop.time()
            try:
                await self._hold_one()
            except Exception as error:
                # Nothing may end this loop: without it the process would be deaf or dumb until its restart.
                self._episode.failed(error)
            if loop.time() - begun_at_seconds > CONNECT_SECONDS_MAX + COMMAND_SECONDS_MAX:
                wait_seconds = RECONNECT_SECONDS_FIRST
            # Spread, so that many processes do not all come back at the same instant.
            await asyncio.sleep(wait_seconds * random.uniform(0.5, 1.0))
            wait_seconds = min(wait_seconds * 2, RECONNECT_SECONDS_MAX)

    async def _hold_one(self) -> None:
        """Connects, keeps the connection until it is lost, and raises why."""
        lost = asyncio.Event()
        async with _answered_within(CONNECT_SECONDS_MAX):
            connection = await self._link.make(lost)
        try:
            if self._prepare is not None:
                async with _answered_within(COMMAND_SECONDS_MAX):
                    await self._prepare(connection)
            self._connection, self._lost = connection, lost
            self._up.set()
            self._episode.over()
            await self._link.stay(connection, lost, self._turn)
        except asyncio.CancelledError:
            # A farewell spares the server's log a complaint; where it fails, the abort below does without.
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await self._link.close(connection)
            raise
        finally:
            self._take_down(connection)
            await self._link.abort(connection)
        raise ConnectionAway(f"{self._subject} was lost")

    def _take_down(self, connection: ConnectionT) -> None:
        """Lets nobody begin to use this connection any more; leaves alone a newer one."""
        if self._connection is connection:
            self._connection = None
            self._up.clear()
