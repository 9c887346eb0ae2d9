"""The bus on Postgres LISTEN/NOTIFY: nothing more to run than the database that is there anyway."""

import asyncio

import asyncpg
from broadcaster import Event

from services.live.bus import BusUnavailable, SupervisedBackend
from services.live.kept_connection import ConnectionAway, KeptConnection
from services.live.messages import RESYNC_TEXT

INBOUND_MESSAGES_MAX = 256
"""Messages waiting to be taken in, up to 2 MB; a process further behind forgets them and resyncs."""

PUBLISH_WAIT_SECONDS = 0.5
"""How long a message waits for the connection before it is given back to the publisher."""

_NOTIFY = "SELECT pg_notify($1, $2)"


class PostgresBus(SupervisedBackend):
    """Listens on one connection and publishes on another, both direct, each kept up by itself.

    Publishing is one message at a time and never inside a transaction of the ledger: a NOTIFY holds a lock of the
    whole server while its transaction commits.
    """

    def __init__(self, dsn: str) -> None:
        self._channel: str | None = None
        self._inbound: asyncio.Queue[Event] = asyncio.Queue(INBOUND_MESSAGES_MAX)
        self._listener = KeptConnection(dsn, purpose="bus listener", prepare=self._listen)
        self._publisher = KeptConnection(dsn, purpose="bus publisher")

    @property
    def connected(self) -> bool:
        """Whether both connections are up as far as is known."""
        return self._listener.connected and self._publisher.connected

    async def connect(self) -> None:
        """Begins to connect the publishing side; does not wait for it."""
        self._publisher.start()

    async def disconnect(self) -> None:
        """Closes both connections."""
        await self._listener.stop()
        await self._publisher.stop()

    async def subscribe(self, group: str) -> None:
        """Begins to listen on the channel; does not wait for it. A second channel is refused."""
        if self._channel is not None:
            raise ValueError(f"already listening on {self._channel!r}: this bus has one channel")
        self._channel = group
        self._listener.start()

    async def unsubscribe(self, group: str) -> None:
        """Stops listening."""
        await self._listener.stop()
        self._channel = None

    async def publish(self, channel: str, message: str) -> None:
        """Sends the message to everyone who listens; raises BusUnavailable."""
        try:
            async with self._publisher.use(PUBLISH_WAIT_SECONDS) as connection:
                await connection.execute(_NOTIFY, channel, message)
        except (
            ConnectionAway,
            OSError,
            TimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            raise BusUnavailable("the message could not be sent through Postgres") from error

    async def next_published(self) -> Event:
        """The next message, or a resync."""
        return await self._inbound.get()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        if self._channel is not None:
            await connection.add_listener(self._channel, self._received)
            # Only now, when nothing can be missed any more, is it worth comparing with the database.
            self._take_in(self._channel, RESYNC_TEXT)

    def _received(self, connection: object, process: int, channel: str, payload: object) -> None:
        self._take_in(channel, str(payload))

    def _take_in(self, channel: str, message: str) -> None:
        if self._inbound.full():
            while not self._inbound.empty():
                self._inbound.get_nowait()
            message = RESYNC_TEXT
        self._inbound.put_nowait(Event(channel, message))
