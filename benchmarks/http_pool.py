"""A few connections over which single questions are asked with long pauses between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from types import TracebackType
from typing import Final, Self

from benchmarks.http_connection import HttpConnection
from benchmarks.web_server import HOST

UNUSED_SECONDS_MAX: Final = 2.0
"""After which a connection is not used again: servers close it after five."""


class HttpPool:
    """Lends connections, at most so many at once; an async context manager that closes them."""

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._gate = asyncio.Semaphore(size)
        self._free: list[tuple[HttpConnection, float]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, _ in self._free:
            connection.close()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[HttpConnection]:
        """A connection that is open now; one in whose use something failed is not lent again."""
        async with self._gate:
            connection = await self._open()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._free.append((connection, monotonic()))

    async def _open(self) -> HttpConnection:
        while self._free:
            connection, used_at = self._free.pop()
            if monotonic() - used_at < UNUSED_SECONDS_MAX:
                return connection
            connection.close()
        return await HttpConnection.open(HOST, self._port)
