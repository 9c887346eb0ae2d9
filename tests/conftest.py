"""A real Postgres for the tests: one server per worker, migrated once into a template, a fresh copy for every test.

`FAREBOX_TEST_DATABASE_URL` (a superuser's, any database) runs the suite on a Postgres of one's own instead.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings

from models.database import Database
from models.migrations import migrate
from models.tenant import Tenant, TenantMode
from server.postgres.embedded import EmbeddedPostgres
from tests.databases import Administrator, Databases, copies_of, database_named
from tests.redis_server import RedisServer, running_redis

ADMINISTRATION_TIMEOUT_SECONDS = 30.0

SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_BYTES_MIN = 4 * 2**30
SHARED_MEMORY_PREFIX = "farebox-tests-"

# Nothing is shown by how long a case takes on a machine that others use too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TenantBuilder = Callable[..., Awaitable[Tenant]]


async def administer(dsn: str, statement: str) -> None:
    """One statement outside any transaction, as CREATE DATABASE needs it."""
    connection = await asyncpg.connect(dsn, timeout=ADMINISTRATION_TIMEOUT_SECONDS)
    try:
        await connection.execute(statement, timeout=ADMINISTRATION_TIMEOUT_SECONDS)
    finally:
        await connection.close()


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end in a thread of its own, because the tests' event loop is not ours to use."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres server to make databases on; an embedded one forgets everything."""
    external = os.environ.get("FAREBOX_TEST_DATABASE_URL")
    if external:
        yield external
        return
    with directory_in_memory() as in_memory:
        directory = in_memory or tmp_path_factory.mktemp("postgres")
        with EmbeddedPostgres(directory, durable=False) as embedded:
            yield embedded.dsn


@contextmanager
def directory_in_memory() -> Iterator[Path | None]:
    """A directory that costs no disk, because a database of its own for every test is hundreds of files; None without.

    Containers often have a small one, which would fill up; and what a killed run left behind is removed by the next.
    """
    if not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free < SHARED_MEMORY_BYTES_MIN:
        yield None
        return
    for left in SHARED_MEMORY.glob(f"{SHARED_MEMORY_PREFIX}*"):
        process_id = left.name.removeprefix(SHARED_MEMORY_PREFIX).partition("-")[0]
        if not Path(f"/proc/{process_id}").exists():
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"{SHARED_MEMORY_PREFIX}{os.getpid()}-"
    # A Postgres whose server was killed a moment ago may still write while its directory is removed.
    with TemporaryDirectory(prefix=prefix, dir=SHARED_MEMORY, ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """Like `tmp_path`, for data directories of an embedded Postgres: what it writes through costs no disk."""
    with directory_in_memory() as in_memory:
        yield in_memory or tmp_path


@pytest.fixture(scope="session")
def administrator(postgres_dsn: str) -> Iterator[Administrator]:
    """Who makes and drops databases."""
    administrator = Administrator(postgres_dsn)
    yield administrator
    administrator.close()


@pytest.fixture(scope="session")
def template(administrator: Administrator) -> Iterator[str]:
    """The name of a migrated database without rows."""
    name = f"farebox_template_{uuid4().hex[:12]}"
    administrator.order(f"CREATE DATABASE {name}").result()
    run_apart(migrate(database_named(administrator.dsn, name)))
    yield name
    administrator.order(f"DROP DATABASE {name} WITH (FORCE)").result()


@pytest.fixture(scope="session")
def empty_databases(administrator: Administrator) -> Iterator[Databases]:
    with copies_of(administrator, "template1") as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated_databases(administrator: Administrator, template: str) -> Iterator[Databases]:
    with copies_of(administrator, template) as databases:
        yield databases


@pytest.fixture
async def empty_dsn(empty_databases: Databases) -> AsyncIterator[str]:
    """A database of the test's own that was never migrated."""
    async with empty_databases.one() as dsn:
        yield dsn


@pytest.fixture
async def dsn(migrated_databases: Databases) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    async with migrated_databases.one() as dsn:
        yield dsn


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own; it starts in a few hundredths of a second."""
    with running_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The test's database, opened as a server process opens it."""
    async with await Database.open(dsn) as opened:
        yield opened


@pytest.fixture
def a_tenant(database: Database) -> TenantBuilder:
    """Builds tenants: `await a_tenant()`, `await a_tenant(slug=…, name=…, mode=…)`."""
    numbers = count(1)

    async def build(*, slug: str | None = None, name: str | None = None, mode: TenantMode = TenantMode.TEST) -> Tenant:
        slug = slug or f"tenant-{next(numbers)}"
        async with database.administration():
            return await Tenant.create(
                id=uuid4(), slug=slug, name=name or slug.title(), mode=mode, created_at=datetime.now(UTC)
            )

    return build
