"""One direct connection to Postgres that comes back by itself."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from services.live.episode import Episode

CONNECT_SECONDS_MAX = 4.0
"""A connect goes back and forth several times; a database half a second away must still be reached."""

CLOSE_SECONDS_MAX = 0.5
COMMAND_SECONDS_MAX = 1.5
"""What takes longer counts as a lost connection: the other end may be gone without a word."""

PROBE_SECONDS = 1.0
"""How often an idle connection is asked whether it still lives; a half-open one would be silent for ever."""

RECONNECT_SECONDS_FIRST = 0.05
RECONNECT_SECONDS_MAX = 0.8
"""The longest wait between two tries, so that with the connect itself all is well within three seconds."""

logger = logging.getLogger(__name__)


class ConnectionAway(Exception):
    """There is no connection now, and none came up in time."""


class KeptConnection:
    """Connects in the background and again whenever the connection is lost, with growing, bounded waits.

    `prepare` runs on every new connection before it counts as up. Uses are one at a time; a use that fails gives
    the connection up, since nobody knows what it was in the middle of. Must not be a transaction-pooling proxy.
    """

    def __init__(
        self,
        dsn: str,
        *,
        purpose: str,
        prepare: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._dsn = dsn
        self._purpose = purpose
        self._prepare = prepare
        self._connection: asyncpg.Connection | None = None
        self._up = asyncio.Event()
        self._turn = asyncio.Lock()
        self._episode = Episode(logger, f"the connection to Postgres for {purpose}")
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
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @asynccontextmanager
    async def use(self, wait_seconds: float) -> AsyncIterator[asyncpg.Connection]:
        """Lends the connection, waiting for it at most so long; raises ConnectionAway."""
        try:
            async with asyncio.timeout(wait_seconds):
                await self._up.wait()
                await self._turn.acquire()
        except TimeoutError:
            raise ConnectionAway(f"no connection to Postgres for {self._purpose}") from None
        try:
            connection = self._connection
            if connection is None:
                raise ConnectionAway(f"no connection to Postgres for {self._purpose}")
            try:
                yield connection
            except BaseException:
                self._take_down(connection)
                connection.terminate()
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
        connection = await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=COMMAND_SECONDS_MAX,
            # A message that a crash of the database loses is healed; waiting for its disk gains nothing.
            server_settings={"application_name": f"farebox {self._purpose}", "synchronous_commit": "off"},
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            if self._prepare is not None:
                await self._prepare(connection)
            self._connection = connection
            self._up.set()
            self._episode.over()
            await self._probe_until(lost, connection)
        except asyncio.CancelledError:
            # A farewell spares the database's log a complaint; where it fails, the abort below does without.
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await connection.close()
            raise
        finally:
            self._take_down(connection)
            connection.terminate()
        raise ConnectionAway(f"the connection to Postgres for {self._purpose} was lost")

    def _take_down(self, connection: asyncpg.Connection) -> None:
        """Lets nobody begin to use this connection any more; leaves alone a newer one."""
        if self._connection is connection:
            self._connection = None
            self._up.clear()

    async def _probe_until(self, lost: asyncio.Event, connection: asyncpg.Connection) -> None:
        while not lost.is_set():
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await lost.wait()
            except TimeoutError:
                async with self._turn:
                    await connection.execute("SELECT 1")
