"""Brings a database to this release's tables; any number of processes may start at once."""

from __future__ import annotations

import logging
import pkgutil
from functools import cache
from importlib import import_module
from typing import Final

import asyncpg
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor

from models.database import Database
from models.orm import APP_LABEL, CONFIG, MIGRATIONS_PACKAGE, Orm
from models.pool import CLOSE_TIMEOUT_SECONDS, connect
from models.statements import statement
from models.unavailable import unreachable_when_lost

MIGRATION_LOCK: Final = 0xFA2E_B0C5_0001
"""The advisory lock under which one process at a time migrates; locks are per database."""

LOCK_TIMEOUT_SECONDS: Final = 120
"""How long a starting process waits for another that migrates, and the DDL for tables in use."""

STEP_TIMEOUT_SECONDS: Final = 600.0
"""For one statement of a step."""

_log = logging.getLogger(__name__)


async def migrate(dsn: str) -> None:
    """Applies every step that is not yet applied, all in one transaction; does nothing, quickly, when there is none.

    `dsn` is the owner's. Raises `DatabaseUnreachable`, or the database's own error when a step fails; nothing changed
    then.
    """
    settings = {"application_name": "farebox migrations", "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s"}
    connection = await connect(dsn, settings, command_timeout_seconds=STEP_TIMEOUT_SECONDS)
    try:
        with unreachable_when_lost(connection):
            if await _missing_steps(connection):
                await _apply(connection)
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)


async def is_current(database: Database) -> bool:
    """Whether every step of this release is applied; a newer one's do no harm. Raises `DatabaseUnavailable`."""
    async with database.spanning_reader() as connection:
        return not await _missing_steps(connection)


async def _apply(connection: asyncpg.Connection) -> None:
    # In a transaction of their own, because roles are the whole cluster's and other databases may be waiting for them.
    await connection.execute(statement("ensure_roles"))
    orm = await Orm.load()
    # One transaction for all steps and their records: Tortoise would record a step after its commit, and a process that
    # died between the two would leave a database that can neither go on nor back.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        with orm.bound_to(connection) as client:
            executor = MigrationExecutor(client, CONFIG["apps"])
            # First, because asking for the records of a table that does not exist would end the transaction.
            await executor.recorder.ensure_schema(AsyncpgSchemaEditor(client))
            missing = await _missing_steps(connection)
            if missing:
                _log.info("Applying migrations: %s", ", ".join(missing))
                await executor.migrate(direction="forward")


async def _missing_steps(connection: asyncpg.Connection) -> list[str]:
    try:
        applied = {row["name"] for row in await connection.fetch(statement("list_applied_migrations"), APP_LABEL)}
    except asyncpg.UndefinedTableError:
        applied = set()
    return [name for name in _steps() if name not in applied]


@cache
def _steps() -> tuple[str, ...]:
    package = import_module(MIGRATIONS_PACKAGE)
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))
