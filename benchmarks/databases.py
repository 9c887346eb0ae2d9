"""One durable Postgres for a run, and for every case a database of its own, copied from one that is migrated once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.one_call_rival import make_one_call_tables
from models.migrations import migrate
from server.postgres.embedded import EmbeddedPostgres

TEMPLATE: Final = "farebox_benchmark_template"
CASE: Final = "farebox_benchmark_case"

_SETTINGS: Final = {"max_connections": "200", "track_commit_timestamp": "on"}
"""The rivals' pools stand open side by side, and events are timed from the commit."""

SHOWN_SETTINGS: Final = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


@contextmanager
def durable_postgres() -> Iterator[str]:
    """A Postgres as `make serve` runs it, in a directory that is deleted afterwards; its DSN."""
    with (
        TemporaryDirectory(prefix="farebox-benchmark-") as folder,
        EmbeddedPostgres(Path(folder), extra_settings=_SETTINGS) as postgres,
    ):
        yield postgres.dsn


async def make_template(dsn: str) -> None:
    """The migrated database that cases are copied from, with the rivals' tables."""
    await _administer(dsn, f"CREATE DATABASE {TEMPLATE}")
    template = _named(dsn, TEMPLATE)
    await migrate(template)
    await make_one_call_tables(template)


@asynccontextmanager
async def fresh_database(dsn: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """A copy of the template for one case, with settings for its sessions; dropped afterwards."""
    await _administer(dsn, f"CREATE DATABASE {CASE} TEMPLATE {TEMPLATE}")
    try:
        for name, value in (settings or {}).items():
            await _administer(dsn, f"ALTER DATABASE {CASE} SET {name} = '{value}'")
        yield _named(dsn, CASE)
    finally:
        await _administer(dsn, f"DROP DATABASE {CASE} WITH (FORCE)")


async def show_settings(dsn: str) -> dict[str, str]:
    """What the server itself says of its durability."""
    connection = await asyncpg.connect(dsn)
    try:
        return {name: await connection.fetchval(f"SHOW {name}") for name in SHOWN_SETTINGS}
    finally:
        await connection.close()


async def analyze(dsn: str) -> None:
    """Fresh statistics of every table, as autovacuum makes them after the first growth."""
    await _administer(dsn, "ANALYZE")


async def checkpoint(dsn: str) -> None:
    """Writes back what earlier cases left in memory, so that they do not burden this one."""
    await _administer(dsn, "CHECKPOINT")


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _administer(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
