import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from server.logs import OncePerEpisode
from services.live import kept_connection, redis_bus
from services.live.bus import CHANNEL, Bus, BusUnavailable
from services.live.kept_connection import CLOSE_SECONDS_MAX
from services.live.messages import Changes, Message, Resync, encode_changes
from services.live.redis_bus import RedisBus
from tests.certificates import a_certificate
from tests.patience import PATIENCE_SECONDS, eventually
from tests.redis_server import RedisServer, a_free_port, running_redis
from tests.services.live.bus_servers import INSTALLATION
from tests.services.live.cable import Cable

LEAST_RIGHTS = "user fares on >hunter2 resetchannels &farebox:* -@all +@connection +@pubsub"


@asynccontextmanager
async def a_connected_bus(url: str, installation: str = INSTALLATION) -> AsyncIterator[tuple[Bus, list[Message]]]:
    heard: list[Message] = []
    async with Bus(RedisBus(url, installation), heard.append) as bus:
        await eventually(lambda: bus.connected and heard == [Resync()])
        heard.clear()
        yield bus, heard


async def assert_carries(bus: Bus, heard: list[Message]) -> None:
    account = uuid4()
    (text,) = encode_changes({account: 7})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await bus.publish(text)
                break
            except BusUnavailable:
                await asyncio.sleep(0.01)
    await eventually(lambda: Changes(((account, 7),)) in heard)


async def test_two_installations_on_one_redis_hear_nothing_of_each_other(redis_server: RedisServer) -> None:
    async with (
        a_connected_bus(redis_server.url, "1-5") as (bus, heard),
        a_connected_bus(redis_server.url, "1-6") as (_, heard_elsewhere),
    ):
        await assert_carries(bus, heard)
        await asyncio.sleep(0.1)
    assert heard_elsewhere == []


async def test_a_redis_that_was_killed_is_heard_again_with_a_resync(redis_server: RedisServer) -> None:
    async with a_connected_bus(redis_server.url) as (bus, heard):
        redis_server.end()
        await eventually(lambda: not bus.connected)
        redis_server.start()
        await eventually(lambda: Resync() in heard)
        await assert_carries(bus, heard)


async def test_what_a_stranger_publishes_here_is_a_resync_and_costs_no_connection(redis_server: RedisServer) -> None:
    async with a_connected_bus(redis_server.url) as (bus, heard):
        async with Redis.from_url(redis_server.url, protocol=2) as stranger:
            await stranger.publish(f"{CHANNEL}:{INSTALLATION}", b"\xff\xfe\x00")
        await eventually(lambda: heard == [Resync()])
        assert bus.connected
        await assert_carries(bus, heard)


async def test_a_message_that_comes_in_parts_with_probes_in_between_is_heard_whole(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_bus, "PROBE_SECONDS", 0.05)
    async with Cable(redis_server.url) as cable, a_connected_bus(cable.address) as (_, heard):
        changes = {uuid4(): 7 for _ in range(200)}
        (text,) = encode_changes(changes)
        cable.stutter_seconds = 0.2
        async with Bus(RedisBus(redis_server.url, INSTALLATION), print) as elsewhere:
            await eventually(lambda: elsewhere.connected)
            await elsewhere.publish(text)
            await eventually(lambda: heard == [Changes(tuple(changes.items()))])
        await asyncio.sleep(0.5)
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_it_stops_whatever_it_is_in_the_middle_of(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bus, "PROBE_SECONDS", 0.0005)
    for number in range(100):
        async with a_connected_bus(redis_server.url):
            # Each time at another moment of asking for a sign of life.
            await asyncio.sleep(0.003 + number * 0.00001)
            stopping = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping < 2 * CLOSE_SECONDS_MAX


async def test_a_user_with_the_least_rights_a_password_and_a_database_number_will_do(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis", ["requirepass 'p@ss word'", LEAST_RIGHTS]) as server:
        for credentials in ("fares:hunter2", ":p%40ss%20word"):
            async with a_connected_bus(f"redis://{credentials}@127.0.0.1:{server.port}/3") as (bus, heard):
                await assert_carries(bus, heard)


async def test_a_wrong_password_is_told_of_and_not_repeated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with running_redis(tmp_path / "redis", [LEAST_RIGHTS]) as server:
        async with Bus(RedisBus(f"redis://fares:swordfish@127.0.0.1:{server.port}", INSTALLATION), print) as bus:
            await eventually(lambda: "AuthenticationError" in caplog.text)
            with pytest.raises(BusUnavailable) as refusal:
                await bus.publish("c")
            assert not bus.connected
    assert "swordfish" not in caplog.text
    assert "swordfish" not in f"{refusal.value!r} {refusal.value.__cause__!r}"


async def test_a_certificate_is_checked_against_the_authority_that_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, own = a_certificate(tmp_path)
    port = a_free_port()
    settings = [f"tls-port {port}", f"tls-cert-file {own}", f"tls-key-file {key}", "tls-auth-clients no"]
    with running_redis(tmp_path / "redis", settings) as server:
        async with a_connected_bus(f"rediss://127.0.0.1:{port}?ssl_ca_certs={own}") as (bus, heard):
            await assert_carries(bus, heard)

        assert "certificate" in (await what_is_said_of(f"rediss://127.0.0.1:{port}", caplog)).lower()
        monkeypatch.setattr(kept_connection, "CONNECT_SECONDS_MAX", 0.1)
        assert " by TLS " in await what_is_said_of(f"rediss://127.0.0.1:{server.port}?ssl_ca_certs={own}", caplog)
        assert " by TLS " not in await what_is_said_of(f"redis://127.0.0.1:{port}", caplog)


async def what_is_said_of(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """The first warning of a bus that does not come up, by the words that the server writes."""
    caplog.clear()
    async with Bus(RedisBus(url, INSTALLATION), print) as bus:
        await eventually(lambda: bool(caplog.records))
        assert not bus.connected
    record = caplog.records[0]
    assert OncePerEpisode().filter(record)
    (line,) = record.getMessage().splitlines()
    place = urlsplit(url)
    assert line.startswith(f"the connection to Redis at {place.hostname}:{place.port} ")
    assert "hunter2" not in caplog.text
    return line


@asynccontextmanager
async def a_stranger(answer: bytes) -> AsyncIterator[str]:
    """What is no Redis and answers everything alike, if at all; its address with a password."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
        yield f"redis://me:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"\x00\xffgarbage\r\n", "garbage"),
        (b"-DENIED hands off\r\n", "hands off"),
        (b"", "no answer within 0.1 s"),
    ],
    ids=["http", "garbage", "denied", "silent"],
)
async def test_what_answers_like_no_redis_is_told_of_in_one_line_with_its_place(
    answer: bytes, told: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not answer:
        monkeypatch.setattr(kept_connection, "CONNECT_SECONDS_MAX", 0.1)
    async with a_stranger(answer) as url:
        assert told in await what_is_said_of(url, caplog)


async def test_a_database_that_this_redis_does_not_have_is_told_of(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "out of range" in await what_is_said_of(f"{redis_server.url}/99999", caplog)
