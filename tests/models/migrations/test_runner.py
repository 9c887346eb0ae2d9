"""Bringing a database up to date, from any number of processes, any number of times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from models.database import Database
from models.migrations import is_current, ledger_sql, migrate, runner
from models.orm import CONFIG

BORN = datetime(2026, 3, 1, 12, tzinfo=UTC)

UNIQUE_CONSTRAINTS = {
    "tenant_slug_key",
    "api_key_secret_hash_unique",
    "account_external_id_unique",
    "price_book_version_unique",
}
CHECK_CONSTRAINTS = {
    "tenant_mode_known",
    "tenant_live_clock_is_real",
    "api_key_kind_known",
    "api_key_of_an_account_reads",
    "api_key_hash_is_sha256",
    "account_kind_known",
    "price_book_version_positive",
    "quote_id_positive",
    "quote_total_not_negative",
    "quote_ends_after_it_begins",
}
REFERENCES = {
    "api_key_tenant_id_fkey",
    "api_key_account",
    "account_tenant_id_fkey",
    "price_book_tenant_id_fkey",
    "quote_tenant_id_fkey",
}

TYPES = {
    "UUIDField": "uuid",
    "CharField": "character varying",
    "CharEnumFieldInstance": "character varying",
    "TextField": "text",
    "BigIntField": "bigint",
    "IntField": "integer",
    "BinaryField": "bytea",
    "DatetimeField": "timestamp with time zone",
}

MADE_BY_THE_DATABASE = {("account", "external_id_folded"), ("account", "name_folded"), ("account", "referral_code")}


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


async def tables_of(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    finally:
        await connection.close()


class TestMigrate:
    async def test_it_makes_the_tables(self, empty_dsn: str) -> None:
        await migrate(empty_dsn)
        assert {"tenant", "api_key", "account", "price_book", "ledger_account", "entry"} <= await tables_of(empty_dsn)

    async def test_the_second_time_it_does_nothing_and_is_quick(self, empty_dsn: str) -> None:
        await migrate(empty_dsn)
        before = await tables_of(empty_dsn)
        started = time.perf_counter()
        await migrate(empty_dsn)
        assert time.perf_counter() - started < 0.3
        assert await tables_of(empty_dsn) == before

    async def test_processes_that_start_together_do_it_once(self, empty_dsn: str) -> None:
        await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))
        connection = await asyncpg.connect(empty_dsn)
        try:
            applied = await connection.fetch(
                "SELECT app, name, count(*) FROM tortoise_migrations GROUP BY app, name ORDER BY name"
            )
            assert [tuple(row) for row in applied] == [
                ("models", "m0001_foundation", 1),
                ("models", "m0002_quotes", 1),
                ("models", "m0003_credentials", 1),
                ("models", "m0004_teams", 1),
                ("models", "m0005_promotions", 1),
                ("models", "m0006_known_accounts", 1),
            ]
        finally:
            await connection.close()

    async def test_two_databases_of_one_server_migrate_at_the_same_time(
        self, empty_dsn: str, postgres_dsn: str
    ) -> None:
        name = f"farebox_second_{uuid4().hex[:12]}"
        second = empty_dsn.replace(empty_dsn[empty_dsn.index("farebox_test_") :].split("?")[0], name)
        administrator = await asyncpg.connect(postgres_dsn)
        try:
            await administrator.execute(f"CREATE DATABASE {name}")
            await asyncio.gather(migrate(empty_dsn), migrate(second))
            assert await tables_of(empty_dsn) == await tables_of(second)
            await administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await administrator.close()

    async def test_a_step_that_fails_leaves_nothing_behind(
        self, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def failing(*_: object, **__: object) -> None:
            raise asyncpg.UndefinedTableError("planted")

        monkeypatch.setattr("tortoise.migrations.recorder.MigrationRecorder.record_applied", failing)
        with pytest.raises(asyncpg.UndefinedTableError, match="planted"):
            await migrate(empty_dsn)
        assert await tables_of(empty_dsn) == set()
        monkeypatch.undo()
        await migrate(empty_dsn)
        assert "tenant" in await tables_of(empty_dsn)

    async def test_a_database_is_current_only_with_every_step(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await is_current(database)
        monkeypatch.setattr(runner, "_steps", lambda: ("m0001_foundation", "m9999_not_yet_applied"))
        assert not await is_current(database)
        monkeypatch.setattr(runner, "_steps", lambda: ())
        assert await is_current(database)

    async def test_a_database_without_any_table_is_not_current(self, empty_dsn: str) -> None:
        async with await Database.open(empty_dsn) as database:
            assert not await is_current(database)


class TestAccountsFromBefore:
    async def test_are_told_of_what_is_about_to_expire_as_if_they_had_been_opened_since(
        self, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forward = MigrationExecutor.migrate

        async def as_far_as_quotes(executor: MigrationExecutor, **more: Any) -> None:
            await forward(executor, [MigrationTarget("models", "m0002_quotes")], **more)

        with monkeypatch.context() as patched:
            patched.setattr(MigrationExecutor, "migrate", as_far_as_quotes)
            await migrate(empty_dsn)
        connection = await asyncpg.connect(empty_dsn)
        try:
            tenant, account = uuid4(), uuid4()
            await connection.execute(
                "INSERT INTO tenant (id, slug, name, mode, clock_offset_micros, created_at)"
                " VALUES ($1, 'old', 'Old', 'TEST', 0, $2)",
                tenant,
                BORN,
            )
            await connection.execute(
                "INSERT INTO ledger_account (account_id, tenant_id, created_at, last_at, due_at)"
                " VALUES ($1, $2, $3, $3, $4)",
                account,
                tenant,
                BORN,
                BORN + timedelta(days=6),
            )
            for number, life in enumerate((timedelta(days=30), timedelta(days=6), timedelta(days=1), None), start=1):
                await connection.execute(
                    "INSERT INTO token_grant (account_id, grant_id, tenant_id, source, source_ref, granted, remaining,"
                    " held, spent, settled, expired, revoked, open, grace, priority, paid_minor_units, created_at,"
                    " expires_at)"
                    " VALUES ($1, $2, $3, 'BONUS', $4, 5, 5, 0, 0, 0, 0, 0, true, false, 50, 0, $5, $6)",
                    account,
                    number,
                    tenant,
                    f"ref {number}",
                    BORN,
                    BORN + life if life is not None else None,
                )

            await migrate(empty_dsn)

            found = await connection.fetch("SELECT notice_at FROM token_grant ORDER BY grant_id")
            days = (23, 5, None, None)
            assert [row["notice_at"] for row in found] == [
                None if day is None else BORN + timedelta(days=day) for day in days
            ]
            assert await connection.fetchval("SELECT due_at FROM ledger_account") == BORN + timedelta(days=5)
            forced = (
                "SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname IN ('token_grant', 'ledger_account')"
            )
            assert await connection.fetchval(forced)
        finally:
            await connection.close()


class TestModelsAndTablesAgree:
    async def test_no_migration_is_missing(self) -> None:
        with TortoiseContext() as context:
            await context.init(config=CONFIG)
            assert context.apps is not None
            assert await MigrationAutodetector(context.apps, CONFIG["apps"]).changes() == []

    async def test_every_column_has_the_models_type_and_nullability(self, connection: asyncpg.Connection) -> None:
        with TortoiseContext() as context:
            await context.init(config=CONFIG)
            described = [
                (description["table"], [description["pk_field"], *description["data_fields"]])
                for description in Tortoise.describe_models().values()
            ]
        expected = {
            (table, field["db_column"], TYPES[field["field_type"]], field["nullable"])
            for table, fields in described
            for field in fields
        }
        tables = [table for table, _ in described]
        rows = await connection.fetch(
            """
            SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = ANY ($1)
            """,
            tables,
        )
        found = {tuple(row) for row in rows if (row["table_name"], row["column_name"]) not in MADE_BY_THE_DATABASE}
        assert len(tables) == 5
        assert found == expected

    async def test_every_constraint_reached_the_database(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch(
            """
            SELECT conname, contype::text AS kind FROM pg_constraint
            WHERE conrelid = ANY (ARRAY['tenant', 'api_key', 'account', 'price_book', 'quote']::regclass[])
            """
        )
        found = {kind: {row["conname"] for row in rows if row["kind"] == kind} for kind in "ucf"}
        assert found["u"] == UNIQUE_CONSTRAINTS
        assert found["c"] == CHECK_CONSTRAINTS
        assert found["f"] == REFERENCES


def test_every_sql_file_of_the_ledger_that_is_listed_exists() -> None:
    for step, files in ledger_sql.LEDGER_SQL_FILES.items():
        assert len(ledger_sql.ledger_sql(step)) == len(files)
    assert isinstance(ledger_sql.LEDGER_FOLDER, Path)
