"""A real carrier that loses, doubles, delays and so reorders what a process hears."""

import asyncio
import random

from broadcaster import Event

from services.live.bus import SupervisedBackend
from services.live.messages import RESYNC_TEXT


class Disturbed(SupervisedBackend):
    """Around another backend; the same faults for the same seed. A resync is no message, and comes as it is."""

    def __init__(
        self,
        backend: SupervisedBackend,
        *,
        lost_share: float = 0.0,
        doubled_share: float = 0.0,
        delay_seconds_max: float = 0.0,
        seed: int = 1,
    ) -> None:
        self._backend = backend
        self._random = random.Random(seed)
        self._lost_share = lost_share
        self._doubled_share = doubled_share
        self._delay_seconds_max = delay_seconds_max
        self._inbound: asyncio.Queue[Event] = asyncio.Queue()
        self.lost = self.doubled = 0

    @property
    def connected(self) -> bool:
        return self._backend.connected

    async def connect(self) -> None:
        await self._backend.connect()
        self._pump = asyncio.create_task(self._run())

    async def disconnect(self) -> None:
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        await self._backend.disconnect()

    async def subscribe(self, group: str) -> None:
        await self._backend.subscribe(group)

    async def unsubscribe(self, group: str) -> None:
        await self._backend.unsubscribe(group)

    async def publish(self, channel: str, message: str) -> None:
        await self._backend.publish(channel, message)

    async def next_published(self) -> Event:
        return await self._inbound.get()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            event = await self._backend.next_published()
            if event.message == RESYNC_TEXT:
                self._inbound.put_nowait(event)
                continue
            if self._random.random() < self._lost_share:
                self.lost += 1
                continue
            copies = 1 + (self._random.random() < self._doubled_share)
            self.doubled += copies - 1
            for _ in range(copies):
                # Each with a delay of its own, so that they overtake each other.
                loop.call_later(self._random.uniform(0, self._delay_seconds_max), self._inbound.put_nowait, event)
