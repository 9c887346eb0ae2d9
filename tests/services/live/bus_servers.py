"""The servers that carry a bus, each with what a test does to it."""

from __future__ import annotations

from typing import Protocol

import asyncpg
from redis.asyncio import Redis

from services.live.bus import CHANNEL, SupervisedBackend
from services.live.postgres_bus import PostgresBus
from services.live.redis_bus import RedisBus
from tests.redis_server import RedisServer

INSTALLATION = "7712771577214643374-5"


class BusServer(Protocol):
    @property
    def address(self) -> str: ...

    def bus(self, address: str | None = None) -> SupervisedBackend:
        """A process's end of the bus; by way of another address, such as a cable's."""

    async def kill(self, purpose: str) -> None:
        """Ends all connections for this purpose from the server's side; there must be some."""

    async def connections(self) -> int:
        """How many connections buses have."""

    async def publish_numbers(self, count: int) -> None:
        """Publishes 1, 2, 3 … in one go, past any bus."""


class PostgresAsBus:
    def __init__(self, dsn: str) -> None:
        self.address = dsn

    def bus(self, address: str | None = None) -> SupervisedBackend:
        return PostgresBus(address or self.address)

    async def kill(self, purpose: str) -> None:
        assert await self._ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = $1",
            f"farebox {purpose}",
        )

    async def connections(self) -> int:
        return await self._ask(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'farebox bus %'"
        )

    async def publish_numbers(self, count: int) -> None:
        await self._ask(
            "SELECT count(pg_notify($1, number::text)) FROM generate_series(1, $2) AS number", CHANNEL, count
        )

    async def _ask(self, statement: str, *values: object) -> int:
        connection = await asyncpg.connect(self.address)
        try:
            return int(await connection.fetchval(statement, *values))
        finally:
            await connection.close()


class RedisAsBus:
    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.address = server.url

    def bus(self, address: str | None = None) -> SupervisedBackend:
        return RedisBus(address or self.address, INSTALLATION)

    async def kill(self, purpose: str) -> None:
        assert await self._server.kill_clients(f"farebox {purpose}".replace(" ", "-"))

    async def connections(self) -> int:
        return len(await self._server.clients())

    async def publish_numbers(self, count: int) -> None:
        async with Redis.from_url(self.address, protocol=2) as redis, redis.pipeline(transaction=True) as pipeline:
            for number in range(1, count + 1):
                pipeline.publish(f"{CHANNEL}:{INSTALLATION}", str(number))
            await pipeline.execute()
