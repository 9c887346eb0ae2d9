import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from services.live.bus import CHANNEL, Bus, BusUnavailable
from services.live.messages import RESYNC_TEXT, Changes, Message, Resync, encode_changes
from services.live.postgres_bus import INBOUND_MESSAGES_MAX, PostgresBus
from tests.services.live.cable import Cable
from tests.services.live.display import PATIENCE_SECONDS, eventually


class Ear:
    def __init__(self) -> None:
        self.heard: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.heard.append(message)


@asynccontextmanager
async def a_bus(dsn: str) -> AsyncIterator[tuple[Bus, Ear]]:
    ear = Ear()
    async with Bus(PostgresBus(dsn), ear) as bus:
        yield bus, ear


@asynccontextmanager
async def a_connected_bus(dsn: str) -> AsyncIterator[tuple[Bus, Ear]]:
    async with a_bus(dsn) as (bus, ear):
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


async def kill(dsn: str, purpose: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        killed = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = $1",
            f"farebox {purpose}",
        )
        assert killed
    finally:
        await connection.close()


async def test_everybody_hears_what_one_publishes_itself_included(dsn: str) -> None:
    async with a_connected_bus(dsn) as (bus, ear), a_connected_bus(dsn) as (_, other_ear):
        text, changes = a_text()
        await bus.publish(text)
        await eventually(lambda: changes in ear.heard and changes in other_ear.heard)


async def test_the_first_thing_heard_is_a_resync(dsn: str) -> None:
    async with a_bus(dsn) as (_, ear):
        await eventually(lambda: ear.heard != [])
        assert ear.heard[0] == Resync()


async def test_the_largest_message_passes(dsn: str) -> None:
    texts = list(encode_changes({uuid4(): 2**53 - 1 for _ in range(1_000)}))
    async with a_connected_bus(dsn) as (bus, ear):
        for text in texts:
            await bus.publish(text)
        await eventually(lambda: sum(len(message.pairs) for message in ear.heard) == 1_000)


async def test_many_publish_at_once(dsn: str) -> None:
    async with a_connected_bus(dsn) as (bus, ear):
        await asyncio.gather(*(bus.publish(a_text()[0]) for _ in range(100)))
        await eventually(lambda: len(ear.heard) == 100)


async def test_a_killed_listener_comes_back_with_a_resync(dsn: str) -> None:
    async with a_connected_bus(dsn) as (bus, ear):
        await kill(dsn, "bus listener")
        await eventually(lambda: Resync() in ear.heard)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_killed_publisher_comes_back(dsn: str) -> None:
    async with a_connected_bus(dsn) as (bus, ear):
        await kill(dsn, "bus publisher")
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_publisher_that_was_cancelled_does_not_block_the_next(dsn: str) -> None:
    async with a_connected_bus(dsn) as (bus, ear):
        for _ in range(10):
            publishing = asyncio.create_task(bus.publish(a_text()[0]))
            await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_database_that_is_away_is_waited_for_and_told_once(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Cable(dsn) as cable:
        cable.unplug()
        async with a_bus(cable.dsn) as (bus, ear):
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


async def test_a_connection_gone_silent_is_noticed_and_replaced(dsn: str) -> None:
    async with Cable(dsn) as cable, a_connected_bus(cable.dsn) as (bus, ear):
        cable.go_silent()
        await eventually(lambda: Resync() in ear.heard)
        text, changes = a_text()
        await publish_patiently(bus, text)
        await eventually(lambda: changes in ear.heard)


async def test_a_connection_gone_silent_does_not_hold_up_the_end(dsn: str) -> None:
    async with Cable(dsn) as cable:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with a_connected_bus(cable.dsn) as (bus, _):
                cable.go_silent()
                with pytest.raises(BusUnavailable):
                    await bus.publish(a_text()[0])


async def test_what_does_not_fit_into_the_inbound_queue_becomes_a_resync(dsn: str) -> None:
    backend = PostgresBus(dsn)
    await backend.connect()
    await backend.subscribe(CHANNEL)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await backend.next_published()).message == RESYNC_TEXT

    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "SELECT pg_notify($1, number::text) FROM generate_series(1, $2) AS number", CHANNEL, INBOUND_MESSAGES_MAX + 50
    )
    await connection.close()
    await eventually(lambda: backend._inbound.qsize() >= 50)
    await asyncio.sleep(0.2)

    assert backend._inbound.qsize() <= 50
    assert (await backend.next_published()).message == RESYNC_TEXT
    assert int((await backend.next_published()).message) == INBOUND_MESSAGES_MAX + 2
    await backend.unsubscribe(CHANNEL)
    await backend.disconnect()


async def test_a_second_channel_is_refused(dsn: str) -> None:
    backend = PostgresBus(dsn)
    await backend.connect()
    await backend.subscribe(CHANNEL)
    with pytest.raises(ValueError, match="one channel"):
        await backend.subscribe("another")
    await backend.disconnect()


async def test_a_receiver_that_fails_hears_the_next_message(dsn: str) -> None:
    heard: list[Message] = []

    def receive(message: Message) -> None:
        heard.append(message)
        if isinstance(message, Resync):
            raise RuntimeError("a bug")

    async with Bus(PostgresBus(dsn), receive) as bus:
        await eventually(lambda: bus.connected and heard == [Resync()])
        text, changes = a_text()
        await bus.publish(text)
        await eventually(lambda: changes in heard)


async def test_closing_leaves_no_connection(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    async with a_connected_bus(dsn):
        assert await buses_connected(connection) == 2
    async with asyncio.timeout(PATIENCE_SECONDS):
        # A backend takes a moment to leave after its client has said goodbye.
        while await buses_connected(connection):  # noqa: ASYNC110 (nothing here is told when it has)
            await asyncio.sleep(0.01)
    await connection.close()


async def buses_connected(connection: asyncpg.Connection) -> int:
    return await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'farebox bus %'"
    )
