"""The one place where connections are made and transactions begin."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg

from models.orm import Orm
from models.pool import COMMAND_TIMEOUT_SECONDS, ConnectionPool, Doubt, connect
from models.roles import Role, session_settings
from models.statements import statement
from models.unavailable import unreachable_when_lost

POOL_SIZE: Final = 8
"""Connections of a process for requests of one tenant each."""

SPANNING_POOL_SIZE: Final = 4
"""Connections of a process for work across tenants: credentials, the live watcher, one audit."""

LANE_COMMAND_TIMEOUT_SECONDS: Final = 30.0
"""For one batch of the ledger's writer, waits for other processes' row locks included."""

LANE_IDLE_TIMEOUT: Final = "10s"
"""For a lane between two statements: it pauses only to decide a batch, or while the event loop stalls."""

LANE_LOCK_TIMEOUT: Final = "2s"
"""For a row lock: other processes hold one for the milliseconds of a batch."""

OWNER_COMMAND_TIMEOUT_SECONDS: Final = 300.0
"""For maintenance: partitions, ANALYZE."""

_BEGIN: Final = "BEGIN"
# Everything read in the block comes from one snapshot, because a version must never be shown with two balances.
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Sent with BEGIN, to save a round trip: the id comes from a UUID, so there is nothing in it to escape.
_SET_TENANT: Final = "SELECT set_config('farebox.tenants', '{tenant_id}', true)"

_log = logging.getLogger(__name__)


class Database:
    """Hands out transactions by what may be seen in them. Open one per process.

    Every method raises `DatabaseBusy` when all connections stay in use, and `DatabaseUnreachable` when one cannot be
    made, is lost, or a statement runs out of time; both are `DatabaseUnavailable` and worth a retry.
    """

    def __init__(
        self, dsn: str, orm: Orm, server: ConnectionPool, spanning: ConnectionPool, *, has_own_roles: bool
    ) -> None:
        self._dsn = dsn
        self._orm = orm
        self._server = server
        self._spanning = spanning
        self._has_own_roles = has_own_roles

    @classmethod
    async def open(
        cls, dsn: str, *, pool_size: int = POOL_SIZE, spanning_pool_size: int = SPANNING_POOL_SIZE
    ) -> Database:
        """Opens a migrated database. `dsn` as libpq writes it: TCP or Unix socket (`?host=/path`), with `sslmode`."""
        has_own_roles = await _has_own_roles(dsn)
        if not has_own_roles:
            _log.warning(
                "The role of DATABASE_URL could not create farebox_server and farebox_writer, so it does all the work. "
                "Row-level security stays in force, but by a setting of each session instead of by role."
            )
        orm = await Orm.load()
        server_settings = session_settings(Role.SERVER, has_own_roles=has_own_roles)
        spanning_settings = session_settings(Role.WRITER, has_own_roles=has_own_roles)
        doubt = Doubt()
        server = await ConnectionPool.open(dsn, server_settings, size=pool_size, doubt=doubt)
        try:
            spanning = await ConnectionPool.open(dsn, spanning_settings, size=spanning_pool_size, doubt=doubt)
        except BaseException:
            await server.close()
            raise
        return cls(dsn, orm, server, spanning, has_own_roles=has_own_roles)

    async def close(self) -> None:
        """Closes the pools; lanes' own connections are closed by their lanes."""
        await self._server.close()
        await self._spanning.close()

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def dsn(self) -> str:
        """The address, password included: never to be logged."""
        return self._dsn

    @property
    def has_own_roles(self) -> bool:
        """False where one role does all the work."""
        return self._has_own_roles

    async def identity(self) -> str:
        """Tells this database from every other, in digits and a hyphen; a physical copy of the server has the same."""
        async with self.spanning_reader() as connection:
            return str(await connection.fetchval(statement("read_identity")))

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[asyncpg.Connection]:
        """A read-write transaction that sees one tenant's rows; models and the connection given both work in it.

        Commits at the end of the block, rolls back on an exception. No network call and no new task inside.
        """
        async with self._server.transaction(_begin(_BEGIN, tenant_id), commits=True) as connection:
            with self._orm.bound_to(connection):
                yield connection

    @asynccontextmanager
    async def administration(self) -> AsyncIterator[asyncpg.Connection]:
        """A read-write transaction across tenants, for what no tenant does itself: creating tenants, finding keys."""
        async with self._spanning.transaction(_BEGIN, commits=True) as connection:
            with self._orm.bound_to(connection):
                yield connection

    @asynccontextmanager
    async def reader(self, tenant_id: UUID) -> AsyncIterator[asyncpg.Connection]:
        """A read-only snapshot of one tenant's rows, for the ledger's reads; without models."""
        async with self._server.transaction(_begin(_BEGIN_READING, tenant_id), commits=False) as connection:
            yield connection

    @asynccontextmanager
    async def spanning_reader(self) -> AsyncIterator[asyncpg.Connection]:
        """A read-only snapshot across tenants, for the watcher and the audit; long statements pass a `timeout`."""
        async with self._spanning.transaction(_BEGIN_READING, commits=False) as connection:
            yield connection

    async def lane_connection(self) -> asyncpg.Connection:
        """A connection of the ledger writer's own, in no pool and across tenants; the lane closes it.

        It is never ended for sitting in a transaction, which a lane that chains transactions always does. Errors on it
        stay asyncpg's own, because a lane must tell a refused statement from a lost connection.
        """
        settings = {
            **session_settings(Role.WRITER, has_own_roles=self._has_own_roles),
            "application_name": "farebox ledger",
            "idle_in_transaction_session_timeout": LANE_IDLE_TIMEOUT,
            "statement_timeout": "0",
            "lock_timeout": LANE_LOCK_TIMEOUT,
            # For a statement that was answered into a network that is gone; without meaning on a unix socket.
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "3",
            "tcp_keepalives_count": "3",
        }
        return await connect(self._dsn, settings, command_timeout_seconds=LANE_COMMAND_TIMEOUT_SECONDS)

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of its own with the owner's rights, for maintenance."""
        connection = await connect(self._dsn, {}, command_timeout_seconds=OWNER_COMMAND_TIMEOUT_SECONDS)
        try:
            with unreachable_when_lost(connection):
                yield connection
        finally:
            await connection.close(timeout=COMMAND_TIMEOUT_SECONDS)


def _begin(begin: str, tenant_id: UUID) -> str:
    return f"{begin}; {_SET_TENANT.format(tenant_id=UUID(bytes=tenant_id.bytes))}"


async def _has_own_roles(dsn: str) -> bool:
    connection = await connect(dsn, {}, command_timeout_seconds=COMMAND_TIMEOUT_SECONDS)
    try:
        return bool(await connection.fetchval(statement("detect_roles")))
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_SECONDS)
