import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from services.live import kept_connection, redis_bus
from services.live.bus import CHANNEL, Bus, BusUnavailable
from services.live.kept_bus import INBOUND_MESSAGES_MAX
from services.live.messages import RESYNC_TEXT, Changes, Message, Resync, encode_changes
from tests.patience import PATIENCE_SECONDS, eventually
from tests.services.live.bus_servers import BusServer
from tests.services.live.cable import Cable


class Ear:
    def __init__(self) -> None:
        self.heard: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.heard.append(message)


@asynccontextmanager
async def a_bus(server: BusServer, address: str | None = None) -> AsyncIterator[tuple[Bus, Ear]]:
    ear = Ear()
    async with Bus(server.bus(address), ear) as bus:
        yield bus, ear


@asynccontextmanager
async def a_connected_bus(server: BusServer, address: str | None = None) -> AsyncIterator[tuple[Bus, Ear]]:
    async with a_bus(server, address) as (bus, ear):
        await eventually(lambda: bus.connected and Resync() in ear.heard)
        ear.heard.clear()
        yield bus, ear


def a_text(version: int = 1) -> tuple[str, Changes]:
    account = uuid4()
    (text,) = encode_changes({account: version})
    return text, Changes(((account, version),))


async def publish_patiently(bus: Bus, text: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await bus.publish(text)
            except BusUnavailable:
                await asyncio.sleep(0.01)


async def test_everybody_hears_what_one_publishes_itself_included(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server) as (bus, ear), a_connected_bus(bus_server) as (_, other_ear):
        text, changes = a_text()
        await bus.publish(text)
        await eventually(lambda: changes in ear.heard and changes in other_ear.heard)


async def test_the_first_thing_heard_is_a_resync(bus_server: BusServer) -> None:
    async with a_bus(bus_server) as (_, ear):
        await eventually(lambda: ear.heard != [])
        assert ear.heard[0] == Resync()


async def test_the_largest_message_passes(bus_server: BusServer) -> None:
    texts = list(encode_changes({uuid4(): 2**53 - 1 for _ in range(1_000)}))
    async with a_connected_bus(bus_server) as (bus, ear):
        for text in texts:
            await bus.publish(text)
        await eventually(lambda: sum(len(message.pairs) for message in ear.heard) == 1_000)


async def test_many_publish_at_once(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server) as (bus, ear):
        await asyncio.gather(*(bus.publish(a_text()[0]) for _ in range(100)))
        await eventually(lambda: len(ear.heard) == 100)


async def test_a_killed_listener_comes_back_with_a_resync(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server) as (bus, ear):
        await bus_server.kill("bus listener")
        await eventually(lambda: Resync() in ear.heard)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_killed_publisher_comes_back(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server) as (bus, ear):
        await bus_server.kill("bus publisher")
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_publisher_that_was_cancelled_does_not_block_the_next(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server) as (bus, ear):
        for _ in range(10):
            publishing = asyncio.create_task(bus.publish(a_text()[0]))
            await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_server_that_is_away_is_waited_for_and_told_once(
    bus_server: BusServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Cable(bus_server.address) as cable:
        cable.unplug()
        async with a_bus(bus_server, cable.address) as (bus, ear):
            with pytest.raises(BusUnavailable):
                await bus.publish(a_text()[0])
            await asyncio.sleep(1)
            assert not bus.connected
            assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2

            cable.plug_in()
            text, changes = a_text()
            await publish_patiently(bus, text)
            await eventually(lambda: bus.connected)
            await publish_patiently(bus, text)
            await eventually(lambda: changes in ear.heard)


async def test_an_idle_bus_keeps_its_connections(
    bus_server: BusServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (kept_connection, redis_bus):
        monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
    async with a_connected_bus(bus_server) as (bus, ear):
        await asyncio.sleep(1)
        assert bus.connected
        text, changes = a_text()
        await bus.publish(text)
        await eventually(lambda: ear.heard == [changes])
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_connection_gone_silent_is_noticed_and_replaced(bus_server: BusServer) -> None:
    async with Cable(bus_server.address) as cable, a_connected_bus(bus_server, cable.address) as (bus, ear):
        cable.go_silent()
        await eventually(lambda: Resync() in ear.heard)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_connection_gone_silent_does_not_hold_up_the_end(bus_server: BusServer) -> None:
    async with Cable(bus_server.address) as cable:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with a_connected_bus(bus_server, cable.address) as (bus, _):
                cable.go_silent()
                with pytest.raises(BusUnavailable):
                    await bus.publish(a_text()[0])


async def test_what_does_not_fit_into_the_inbound_queue_becomes_a_resync(bus_server: BusServer) -> None:
    backend = bus_server.bus()
    await backend.connect()
    await backend.subscribe(CHANNEL)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await backend.next_published()).message == RESYNC_TEXT

    await bus_server.publish_numbers(INBOUND_MESSAGES_MAX + 50)
    await eventually(lambda: backend._inbound.qsize() >= 50)
    await asyncio.sleep(0.2)

    assert backend._inbound.qsize() <= 50
    assert (await backend.next_published()).message == RESYNC_TEXT
    assert int((await backend.next_published()).message) == INBOUND_MESSAGES_MAX + 2
    await backend.unsubscribe(CHANNEL)
    await backend.disconnect()


async def test_a_second_channel_is_refused(bus_server: BusServer) -> None:
    backend = bus_server.bus()
    await backend.connect()
    await backend.subscribe(CHANNEL)
    with pytest.raises(ValueError, match="one channel"):
        await backend.subscribe("another")
    await backend.disconnect()


async def test_a_receiver_that_fails_hears_the_next_message(bus_server: BusServer) -> None:
    heard: list[Message] = []

    def receive(message: Message) -> None:
        heard.append(message)
        if isinstance(message, Resync):
            raise RuntimeError("a bug")

    async with Bus(bus_server.bus(), receive) as bus:
        await eventually(lambda: bus.connected and heard == [Resync()])
        text, changes = a_text()
        await bus.publish(text)
        await eventually(lambda: changes in heard)


async def test_closing_leaves_no_connection(bus_server: BusServer) -> None:
    async with a_connected_bus(bus_server):
        assert await bus_server.connections() == 2
    async with asyncio.timeout(PATIENCE_SECONDS):
        # A server takes a moment to see that its client has left.
        while await bus_server.connections():  # noqa: ASYNC110 (nothing here is told when it has)
            await asyncio.sleep(0.01)
