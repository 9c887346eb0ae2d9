"""A ledger that has lived, built once and copied for every test, and somebody to spoil it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from models.database import Database
from tests.conftest import administer, database_named, run_apart
from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn, live_in


@pytest.fixture(scope="session")
def lived_in_template(postgres_dsn: str, template: str) -> Iterator[tuple[str, LivedIn]]:
    """The name of a database that has lived, and who is who in it."""
    name = f"farebox_lived_in_{uuid4().hex[:12]}"
    run_apart(administer(postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    lives: list[LivedIn] = []

    async def build() -> None:
        async with await Database.open(database_named(postgres_dsn, name)) as database:
            lives.append(await live_in(database))

    run_apart(build())
    yield name, lives[0]
    run_apart(administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def lived_in(lived_in_template: tuple[str, LivedIn]) -> LivedIn:
    return lived_in_template[1]


@pytest.fixture
async def dsn(postgres_dsn: str, lived_in_template: tuple[str, LivedIn]) -> AsyncIterator[str]:
    """A copy of the test's own, instead of the empty database that other tests begin with."""
    name = f"farebox_test_{uuid4().hex[:12]}"
    await administer(postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {lived_in_template[0]} STRATEGY FILE_COPY")
    yield database_named(postgres_dsn, name)
    await administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def one_role_dsn(postgres_dsn: str) -> AsyncIterator[str]:
    """An empty database whose owner may create no roles."""
    name = f"farebox_limited_{uuid4().hex[:12]}"
    await administer(postgres_dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    await administer(postgres_dsn, f"CREATE DATABASE {name} OWNER {name}")
    address = urlsplit(database_named(postgres_dsn, name))
    host = address.netloc.rpartition("@")[2]
    yield urlunsplit(address._replace(netloc=f"{name}:{name}@{host}"))
    await administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")
    await administer(postgres_dsn, f"DROP ROLE {name}")


@pytest.fixture
async def vandal(database: Database, lived_in: LivedIn) -> AsyncIterator[Vandal]:
    async with Vandal(database, lived_in) as vandal:
        yield vandal
