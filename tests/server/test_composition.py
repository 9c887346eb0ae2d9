from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.composition import READY, Services, open_services
from tests.patience import eventually
from tests.redis_server import RedisServer, running_redis

START_SECONDS_MAX = 20.0


async def bus_of(services: Services) -> str:
    checks = await services.readiness()
    assert (checks["database"], checks["migrations"]) == (READY, READY)
    return checks["bus"]


async def channels_of(redis: RedisServer) -> list[bytes]:
    async with Redis.from_url(redis.url, protocol=2) as client:
        return list(await client.pubsub_channels())


async def test_without_a_setting_the_bus_is_the_database(dsn: str) -> None:
    async with open_services(dsn, root_key="the root key") as services:
        await eventually(lambda: services.live.bus_connected)
        assert await bus_of(services) == READY


async def test_a_server_starts_while_its_redis_is_away_and_says_so_until_it_is_there(
    dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_redis(tmp_path / "redis") as redis:
        redis.end()
        async with asyncio.timeout(START_SECONDS_MAX):
            async with open_services(dsn, root_key="the root key", bus_url=f"{redis.url}/3") as services:
                assert (await bus_of(services)).startswith("reconnecting")
                redis.start()
                await eventually(lambda: services.live.bus_connected)
                assert await bus_of(services) == READY
                # Of this database alone: another installation may use the same Redis.
                assert await channels_of(redis) == [f"farebox:{await services.database.identity()}".encode()]
        assert await channels_of(redis) == []
    place = f"Redis at 127.0.0.1:{redis.port}"
    assert f"the connection to {place} for bus listener fails and is being retried" in caplog.text
