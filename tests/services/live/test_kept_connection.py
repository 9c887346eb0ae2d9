import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from services.live import kept_connection
from services.live.kept_connection import ConnectionAway, KeptConnection
from services.live.postgres_bus import PostgresLink
from tests.patience import PATIENCE_SECONDS
from tests.services.live.cable import Cable


@asynccontextmanager
async def kept(dsn: str) -> AsyncIterator[KeptConnection[asyncpg.Connection]]:
    connection = KeptConnection(PostgresLink(dsn, "farebox test"), purpose="test")
    connection.start()
    try:
        yield connection
    finally:
        await connection.stop()


async def test_a_use_that_fails_gives_the_connection_up_for_a_new_one(dsn: str) -> None:
    async with kept(dsn) as connection:
        with pytest.raises(RuntimeError):
            async with connection.use(PATIENCE_SECONDS) as first:
                raise RuntimeError("in the middle of something")
        assert first.is_closed()

        async with connection.use(PATIENCE_SECONDS) as second:
            assert await second.fetchval("SELECT 1") == 1


async def test_uses_are_one_at_a_time_and_wait_no_longer_than_they_say(dsn: str) -> None:
    async with kept(dsn) as connection, connection.use(PATIENCE_SECONDS):
        with pytest.raises(ConnectionAway):
            async with connection.use(0.1):
                pytest.fail("two at once")


async def test_an_idle_connection_stays(dsn: str) -> None:
    async with kept(dsn) as connection:
        async with connection.use(PATIENCE_SECONDS) as first:
            pass
        await asyncio.sleep(2.5)
        async with connection.use(PATIENCE_SECONDS) as second:
            assert second is first


async def test_what_prepares_a_connection_runs_on_each_new_one_and_is_tried_again(dsn: str) -> None:
    prepared: list[asyncpg.Connection] = []

    async def prepare(connection: asyncpg.Connection) -> None:
        prepared.append(connection)
        if len(prepared) == 1:
            raise RuntimeError("not yet")

    connection = KeptConnection(PostgresLink(dsn, "farebox test"), purpose="test", prepare=prepare)
    connection.start()
    async with connection.use(PATIENCE_SECONDS) as usable:
        assert prepared[0].is_closed()
        assert prepared[1] is usable
    await connection.stop()


async def test_tries_to_connect_grow_apart(dsn: str) -> None:
    tries = 0

    async def refuse(connection: asyncpg.Connection) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("never")

    connection = KeptConnection(PostgresLink(dsn, "farebox test"), purpose="test", prepare=refuse)
    connection.start()
    await asyncio.sleep(2)
    await connection.stop()

    assert 2 <= tries <= 10


async def test_stopping_while_connecting_ends_at_once(dsn: str) -> None:
    async with Cable(dsn) as cable:
        cable.unplug()
        async with asyncio.timeout(2), kept(cable.address):
            await asyncio.sleep(0.01)


async def test_stopping_ends_also_where_a_driver_loses_a_cancellation(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    probing = asyncio.Event()

    class LosingLink(PostgresLink):
        async def probe(self, connection: asyncpg.Connection) -> None:
            if not probing.is_set():
                probing.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

    monkeypatch.setattr(kept_connection, "PROBE_SECONDS", 0.01)
    connection = KeptConnection(LosingLink(dsn, "farebox test"), purpose="test")
    connection.start()
    await probing.wait()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await connection.stop()
