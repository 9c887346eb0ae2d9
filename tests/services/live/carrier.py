"""A bus in memory between hubs of one test, which can lose, double, delay and shuffle what it carries."""

import asyncio
import random

from broadcaster import Event

from services.live.bus import BusUnavailable, SupervisedBackend
from services.live.messages import RESYNC_TEXT


class Carrier:
    """What all the ends have in common; `random` makes the same faults for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.lost_share = 0.0
        self.doubled_share = 0.0
        self.delay_seconds_max = 0.0
        self.sent: list[str] = []
        self.fails = False
        self.ends: list[CarrierEnd] = []

    def end(self) -> "CarrierEnd":
        end = CarrierEnd(self)
        self.ends.append(end)
        return end

    def carry(self, event: Event) -> None:
        self.sent.append(event.message)
        loop = asyncio.get_running_loop()
        for end in self.ends:
            copies = 2 if self.random.random() < self.doubled_share else 1
            for _ in range(copies):
                if self.random.random() >= self.lost_share:
                    # Each with a delay of its own, so that they overtake each other.
                    loop.call_later(self.random.uniform(0, self.delay_seconds_max), end.take_in, event)


class CarrierEnd(SupervisedBackend):
    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._inbound: asyncio.Queue[Event] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        return not self._carrier.fails

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def subscribe(self, group: str) -> None:
        self.take_in(Event(group, RESYNC_TEXT))

    async def unsubscribe(self, group: str) -> None: ...

    async def publish(self, channel: str, message: str) -> None:
        await asyncio.sleep(0.001)
        if self._carrier.fails:
            raise BusUnavailable("the carrier is away")
        self._carrier.carry(Event(channel, message))

    async def next_published(self) -> Event:
        return await self._inbound.get()

    def take_in(self, event: Event) -> None:
        self._inbound.put_nowait(event)
