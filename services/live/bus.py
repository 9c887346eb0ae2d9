"""How the processes of one installation hear of each other's changes, whatever carries the messages."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from broadcaster import Broadcast, BroadcastBackend

from services.live.episode import Episode
from services.live.messages import Message, decode

CHANNEL = "farebox"
"""The one channel; each process subscribes to it once."""

logger = logging.getLogger(__name__)


class BusUnavailable(Exception):
    """The message could not be handed over now; it may or may not have been sent."""


class SupervisedBackend(BroadcastBackend):
    """What broadcaster needs of a carrier so that nothing hangs, dies or grows when the carrier goes away.

    `connect`, `subscribe` and `next_published` neither fail nor wait for the carrier: connections are kept up in
    the background. After each connect of the listening side an event with RESYNC_TEXT comes first, and also in
    place of whatever did not fit into the bounded inbound queue. `publish` takes its time-out or raises
    BusUnavailable. One subscribed channel at a time.
    """

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether messages can be sent and heard now."""


class Bus:
    """Publishes this process's messages and hands it everybody's; an async context manager that owns the listening.

    `receive` is called in the event loop for each message, this process's own included, and must not block.
    """

    def __init__(self, backend: SupervisedBackend, receive: Callable[[Message], None]) -> None:
        self._backend = backend
        self._broadcast = Broadcast(backend=backend)
        self._receive = receive
        self._episode = Episode(logger, "taking in messages of the bus")
        self._lifetime = AsyncExitStack()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and heard now."""
        return self._backend.connected

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self._broadcast)
            listening = asyncio.create_task(self._listen(), name="live bus")
            starting.push_async_callback(_end, listening)
            self._lifetime = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifetime.aclose()

    async def publish(self, text: str) -> None:
        """Sends an encoded message to every process; raises BusUnavailable."""
        await self._broadcast.publish(CHANNEL, text)

    async def _listen(self) -> None:
        async with self._broadcast.subscribe(CHANNEL) as subscription:
            while True:
                # broadcaster's own queue has no bound. It stays as short as the backend's because this loop
                # does not wait while there is something in it.
                event = await subscription.get()
                try:
                    self._receive(decode(event.message))
                except Exception as error:
                    # One message that cannot be dealt with must not make the process deaf.
                    self._episode.failed(error)
                else:
                    self._episode.over()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
