"""The database before the web processes: brought up to date, opened once, in development with something to try."""

from collections.abc import Collection

import asyncpg
from tortoise.exceptions import BaseORMException

from models.database import Database
from models.migrations import migrate
from models.pool import COMMAND_TIMEOUT_SECONDS, connect
from server.database_choice import DatabaseForbidden
from server.demo_keys import seed_demo_data
from server.settings import Environment, Settings

# Names as they stand in SQL, so that the remedy can be pasted.
_WHO_MAY_WHAT = """SELECT quote_ident(current_database()) AS database, quote_ident(current_user) AS role,
       has_schema_privilege(current_user, 'public', 'CREATE') AS may_create"""


async def prepare_database(dsn: str, settings: Settings) -> Collection[str]:
    """Brings the database up to date, in development with the demo's data; returns the demo tenants that keys open.

    Raises what `bring_up_to_date` and the database raise.
    """
    await bring_up_to_date(dsn)
    # Opened in production too: what its roles lack is said here, once for all processes.
    async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
        if settings.environment is Environment.DEVELOPMENT:
            return await seed_demo_data(database, settings)
    return ()


async def bring_up_to_date(dsn: str) -> None:
    """Migrates. Raises DatabaseForbidden where the role may not, else the database's own error."""
    try:
        await migrate(dsn)
    except (BaseORMException, asyncpg.PostgresError) as error:
        refusal = _refusal_of(error)
        if isinstance(refusal, asyncpg.InsufficientPrivilegeError):
            await _explain(dsn)
        raise refusal from None


def _refusal_of(error: BaseException) -> BaseException:
    """The database's own error beneath the ORM's."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, asyncpg.PostgresError):
            return found
        found = found.__cause__
    return error


async def _explain(dsn: str) -> None:
    """Raises DatabaseForbidden when what the role lacks is the right to make tables."""
    connection = await connect(dsn, {}, command_timeout_seconds=COMMAND_TIMEOUT_SECONDS)
    try:
        row = await connection.fetchrow(_WHO_MAY_WHAT)
    finally:
        await connection.close(timeout=COMMAND_TIMEOUT_SECONDS)
    if row is not None and not row["may_create"]:
        raise DatabaseForbidden(
            f"the role {row['role']} may not make tables in the database {row['database']}; "
            f"as a superuser run: ALTER DATABASE {row['database']} OWNER TO {row['role']};"
        )
