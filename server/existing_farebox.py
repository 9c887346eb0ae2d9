"""The database of a Farebox that was started before, for commands that work beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.database import Database
from models.migrations import is_current
from models.pool import COMMAND_TIMEOUT_SECONDS, connect
from server.database_choice import NoDatabase


@asynccontextmanager
async def existing_farebox(dsn: str, name: str) -> AsyncIterator[Database]:
    """The database at `dsn`, which people know as `name`, with one connection of each kind.

    Raises NoDatabase where no server has prepared it, or only an older one.
    """
    await _require_farebox(dsn, name)
    async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
        if not await is_current(database):
            raise NoDatabase(f"{name} is behind this release; run `python -m server migrate`, or start the server")
        yield database


async def _require_farebox(dsn: str, name: str) -> None:
    connection = await connect(dsn, {}, command_timeout_seconds=COMMAND_TIMEOUT_SECONDS)
    try:
        prepared = await connection.fetchval("SELECT to_regclass('ledger_account') IS NOT NULL")
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_SECONDS)
    if not prepared:
        raise NoDatabase(f"{name} is not a Farebox database yet; start the server once")
