"""A ledger that has lived, built once and copied for every test, and somebody to spoil it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from models.database import Database
from tests.conftest import administer, run_apart
from tests.databases import Administrator, Databases, copies_of, database_named
from tests.services.ledger.audit.vandal import Vandal
from tests.services.ledger.histories import LivedIn, live_in


@pytest.fixture(scope="session")
def lived_in_template(administrator: Administrator, template: str) -> Iterator[tuple[str, LivedIn]]:
    """The name of a database that has lived, and who is who in it."""
    name = f"farebox_lived_in_{uuid4().hex[:12]}"
    administrator.order(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY").result()
    lives: list[LivedIn] = []

    async def build() -> None:
        async with await Database.open(database_named(administrator.dsn, name)) as database:
            lives.append(await live_in(database))

    run_apart(build())
    yield name, lives[0]
    administrator.order(f"DROP DATABASE {name} WITH (FORCE)").result()


@pytest.fixture(scope="session")
def lived_in_databases(administrator: Administrator, lived_in_template: tuple[str, LivedIn]) -> Iterator[Databases]:
    with copies_of(administrator, lived_in_template[0]) as databases:
        yield databases


@pytest.fixture
def lived_in(lived_in_template: tuple[str, LivedIn]) -> LivedIn:
    return lived_in_template[1]


@pytest.fixture
async def dsn(lived_in_databases: Databases) -> AsyncIterator[str]:
    """A copy of the test's own, instead of the empty database that other tests begin with."""
    async with lived_in_databases.one() as dsn:
        yield dsn


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
