"""The same work as one SQL function call per request: one round trip, one transaction, everything in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg

from benchmarks.contenders import HOLD_TTL_SECONDS, LINES_JSON, Reserved, fingerprint_of, statement


@asynccontextmanager
async def open_one_call_rival(dsn: str, tenant_id: UUID, pool_size: int) -> AsyncIterator[OneCallRival]:
    """The rival on its own tables, which `make_one_call_tables` has made."""
    connections = [await asyncpg.connect(dsn) for _ in range(pool_size)]
    try:
        yield OneCallRival(connections, tenant_id)
    finally:
        for connection in connections:
            await connection.close()


async def make_one_call_tables(dsn: str) -> None:
    """The rival's tables and functions, beside the ledger's."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement("make_one_call_tables"))
    finally:
        await connection.close()


class OneCallRival:
    """Lends its connections without a reset, which would be a second round trip for every request."""

    name = "one call"

    def __init__(self, connections: Sequence[asyncpg.Connection], tenant_id: UUID) -> None:
        self._free: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)
        self._tenant_id = tenant_id

    async def open_account(self, name: str, grants_micros: Sequence[int]) -> UUID:
        """Makes an account with these grants, in burn order."""
        account_id = uuid4()
        async with self._connection() as connection:
            await connection.execute(statement("call_open_account"), account_id, self._tenant_id, list(grants_micros))
        return account_id

    async def reserve(self, account_id: UUID, key: str, amount_micros: int) -> Reserved | None:
        """Sets tokens aside; None when there are too few."""
        connection = await self._free.get()
        try:
            row = await connection.fetchrow(
                statement("call_reserve"),
                account_id,
                self._tenant_id,
                key,
                fingerprint_of(key, amount_micros),
                amount_micros,
                LINES_JSON,
                HOLD_TTL_SECONDS,
            )
        finally:
            self._free.put_nowait(connection)
        assert row is not None
        return None if row["hold_id"] is None else Reserved(row["hold_id"], row["replayed"])

    async def count_holds(self) -> int:
        """How many holds are in the database."""
        async with self._connection() as connection:
            return int(await connection.fetchval(statement("count_one_call_holds")))

    async def contradictions(self) -> list[str]:
        """Sums of the rival's tables that do not add up."""
        async with self._connection() as connection:
            rows = await connection.fetch(statement("find_one_call_contradictions"))
        return [f"{row['rule']}: {row['place']}" for row in rows]

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)
