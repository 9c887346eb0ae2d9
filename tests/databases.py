"""Databases for tests, copied ahead from a template and dropped behind: a test waits for neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

TIMEOUT_SECONDS = 30.0

T = TypeVar("T")


def database_named(dsn: str, name: str) -> str:
    """The same server and user, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


class Administrator:
    """One superuser's connection for statements outside any transaction, which are done in the order they were given.

    It works in a thread and an event loop of its own, because those of the tests come and go.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection | None = None

    def order(self, statement: str) -> Future[None]:
        """Has the statement done after all before it."""
        return self.run(self._execute(statement))

    def run(self, work: Coroutine[None, None, T]) -> Future[T]:
        """Has the work done after all before it."""
        return self._thread.submit(self._runner.run, work)

    def close(self) -> None:
        """After all that was ordered is done."""
        self.run(self._disconnect()).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    async def _execute(self, statement: str) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.dsn, timeout=TIMEOUT_SECONDS)
        await self._connection.execute(statement, timeout=TIMEOUT_SECONDS)

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close(timeout=TIMEOUT_SECONDS)


class Databases:
    """Copies of one template, for one test each. The next one is made while a test works on the last."""

    def __init__(self, administrator: Administrator, template: str) -> None:
        self._administrator = administrator
        self._template = template
        self._next = self._make()
        self._dropped: list[Future[None]] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The DSN of a database of one's own."""
        name, made = self._next
        self._next = self._make()
        await asyncio.wrap_future(made)
        yield database_named(self._administrator.dsn, name)
        self._drop(name)

    def close(self) -> None:
        """Drops what is left; raises what went wrong while nobody waited."""
        self._drop(self._next[0])
        for dropped in self._dropped:
            dropped.result()

    def _make(self) -> tuple[str, Future[None]]:
        name = f"farebox_test_{uuid4().hex[:12]}"
        return name, self._administrator.order(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")

    def _drop(self, name: str) -> None:
        self._dropped.append(self._administrator.order(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def copies_of(administrator: Administrator, template: str) -> Iterator[Databases]:
    """Databases like the template, until the end of the block."""
    databases = Databases(administrator, template)
    yield databases
    databases.close()
