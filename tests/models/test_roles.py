"""Row-level security of every table, and what becomes of it when the owner may not create roles."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from models.database import Database
from models.migrations import is_current, migrate
from models.tenant import Tenant, TenantMode

PASSWORD = "of-the-test-only"


def database_of(dsn: str, user: str, name: str) -> str:
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{host}", path=f"/{name}"))


@pytest.fixture
async def limited_owner_dsn(postgres_dsn: str) -> AsyncIterator[str]:
    """An empty database whose owner may log in and nothing else."""
    name = f"farebox_limited_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        yield database_of(postgres_dsn, name, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.execute(f"DROP ROLE {name}")
    finally:
        await connection.close()


async def two_tenants(database: Database) -> tuple[Tenant, Tenant]:
    async with database.administration():
        first, second = [
            await Tenant.create(id=uuid4(), slug=slug, name=slug, mode=TenantMode.TEST, created_at=datetime.now(UTC))
            for slug in ("first", "second")
        ]
    return first, second


async def test_every_table_with_a_tenants_rows_is_secured(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS is_forced,
                   (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid) AS policies
            FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname <> 'tortoise_migrations'
            """
        )
    finally:
        await connection.close()
    names = {row["relname"] for row in tables}
    assert {"tenant", "api_key", "account", "price_book", "quote", "ledger_account", "entry", "hold"} <= names
    for row in tables:
        assert row["is_forced"], row["relname"]
        assert row["policies"] == ["spanning_rows", "tenant_rows"], row["relname"]


async def test_partitions_are_granted_to_nobody(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        partitions = await connection.fetch(
            "SELECT relname, relacl FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
    finally:
        await connection.close()
    assert partitions
    assert all(row["relacl"] is None for row in partitions)


async def test_an_owner_that_was_given_the_roles_takes_them(
    limited_owner_dsn: str, template: str, postgres_dsn: str
) -> None:
    owner = urlsplit(limited_owner_dsn).username
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute(f"GRANT farebox_server, farebox_writer TO {owner}")
    finally:
        await connection.close()
    await migrate(limited_owner_dsn)
    async with await Database.open(limited_owner_dsn) as database:
        assert database.has_own_roles
        first, _ = await two_tenants(database)
        async with database.tenant(first.id):
            assert [row.id for row in await Tenant.all()] == [first.id]


async def test_an_owner_without_the_roles_goes_on_with_one_and_says_so(
    limited_owner_dsn: str, template: str, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(limited_owner_dsn)
    with caplog.at_level(logging.WARNING, logger="models.database"):
        async with await Database.open(limited_owner_dsn) as database:
            assert len(caplog.records) == 1
            assert not database.has_own_roles
            assert await is_current(database)
            first, second = await two_tenants(database)
            async with database.tenant(first.id):
                assert [row.id for row in await Tenant.all()] == [first.id]
                assert await Tenant.filter(id=second.id).update(name="x") == 0
            async with database.reader(second.id) as connection:
                assert [row["id"] for row in await connection.fetch("SELECT id FROM tenant")] == [second.id]
            async with database._server.connection() as connection:
                assert await connection.fetch("SELECT * FROM tenant") == []
            lane = await database.lane_connection()
            try:
                assert await lane.fetchval("SELECT count(*) FROM tenant") == 2
            finally:
                await lane.close()
