"""A carrier of two connections: what any server that can publish and subscribe has in common."""

import asyncio
from abc import abstractmethod
from typing import ClassVar, Generic

from broadcaster import Event

from services.live.bus import BusUnavailable, SupervisedBackend
from services.live.kept_connection import ConnectionAway, ConnectionT, KeptConnection, Link
from services.live.messages import RESYNC_TEXT

INBOUND_MESSAGES_MAX = 256
"""Messages waiting to be taken in, up to 2 MB; a process further behind forgets them and resyncs."""

PUBLISH_WAIT_SECONDS = 0.5
"""How long a message waits for the connection before it is given back to the publisher."""


AWAY: tuple[type[Exception], ...] = (ConnectionAway, OSError, TimeoutError)
"""What publishing on any carrier may raise while it is away; its driver's own errors come on top."""


class KeptBus(SupervisedBackend, Generic[ConnectionT]):
    """Listens on one connection and publishes on another, each kept up by itself; one message at a time."""

    failures: ClassVar[tuple[type[Exception], ...]] = AWAY
    """What publishing raises where the carrier is to blame."""

    def __init__(self, listening: Link[ConnectionT], publishing: Link[ConnectionT]) -> None:
        self._channel: str | None = None
        self._inbound: asyncio.Queue[Event] = asyncio.Queue(INBOUND_MESSAGES_MAX)
        self._listener = KeptConnection(listening, purpose="bus listener", prepare=self._begin_to_listen)
        self._publisher = KeptConnection(publishing, purpose="bus publisher")

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
                await self._send(connection, channel, message)
        except self.failures as error:
            raise BusUnavailable("the message could not be sent") from error

    async def next_published(self) -> Event:
        """The next message, or a resync."""
        return await self._inbound.get()

    @abstractmethod
    async def _listen(self, connection: ConnectionT, channel: str) -> None:
        """Begins to hear what is published on the channel; each message goes to `_take_in`."""

    @abstractmethod
    async def _send(self, connection: ConnectionT, channel: str, message: str) -> None:
        """Publishes the message within COMMAND_SECONDS_MAX."""

    async def _begin_to_listen(self, connection: ConnectionT) -> None:
        if self._channel is not None:
            await self._listen(connection, self._channel)
            # Only now, when nothing can be missed any more, is it worth comparing with the database.
            self._take_in(RESYNC_TEXT)

    def _take_in(self, message: str) -> None:
        if self._channel is None:
            return
        if self._inbound.full():
            while not self._inbound.empty():
                self._inbound.get_nowait()
            message = RESYNC_TEXT
        self._inbound.put_nowait(Event(self._channel, message))
