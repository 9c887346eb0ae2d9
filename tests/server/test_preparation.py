from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from models.unavailable import DatabaseUnavailable
from server.audit_report import audit_database
from server.database_choice import DatabaseForbidden, NoDatabase, name_of_database
from server.preparation import bring_up_to_date
from server.settings import Settings
from tests.conftest import administer


@pytest.fixture
async def guest_dsn(empty_dsn: str) -> AsyncIterator[str]:
    """A database that was never migrated, as a role sees it that owns nothing in it."""
    role, password = f"farebox_guest_{uuid4().hex[:8]}", uuid4().hex
    await administer(empty_dsn, f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    parts = urlsplit(empty_dsn)
    host = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))
    await administer(empty_dsn, f"DROP OWNED BY {role}")
    await administer(empty_dsn, f"DROP ROLE {role}")


async def test_a_role_that_may_not_make_tables_is_told_what_lets_it(guest_dsn: str) -> None:
    with pytest.raises(DatabaseForbidden) as refusal:
        await bring_up_to_date(guest_dsn)
    parts = urlsplit(guest_dsn)
    database = parts.path.removeprefix("/")
    assert str(refusal.value).endswith(f"run: ALTER DATABASE {database} OWNER TO {parts.username};")
    assert "\n" not in str(refusal.value)
    assert parts.password is not None
    assert parts.password not in str(refusal.value)


async def test_the_remedy_works(guest_dsn: str, empty_dsn: str) -> None:
    with pytest.raises(DatabaseForbidden) as refusal:
        await bring_up_to_date(guest_dsn)
    await administer(empty_dsn, str(refusal.value).partition("run: ")[2])
    try:
        await bring_up_to_date(guest_dsn)
    finally:
        database = urlsplit(empty_dsn).path.removeprefix("/")
        await administer(empty_dsn, f"ALTER DATABASE {database} OWNER TO CURRENT_USER")


async def test_what_else_the_database_refuses_stays_its_own_error(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("CREATE TABLE tenant ()")
    await connection.close()
    with pytest.raises(asyncpg.DuplicateTableError):
        await bring_up_to_date(empty_dsn)


class TestAuditing:
    async def test_a_database_that_no_server_prepared_is_named_with_what_makes_it_one(self, empty_dsn: str) -> None:
        with pytest.raises(NoDatabase, match="the shop is not a Farebox database yet; start the server once"):
            await audit_database(empty_dsn, "the shop", began=lambda check: None)

    async def test_a_database_that_does_not_answer_is_not_taken_for_an_empty_one(self) -> None:
        with pytest.raises(DatabaseUnavailable):
            await audit_database("postgresql://me@127.0.0.1:1/shop", "the shop", began=lambda check: None)

    async def test_what_was_checked_is_counted(self, dsn: str) -> None:
        report = await audit_database(dsn, "the shop", began=lambda check: None)
        assert (report.findings, report.accounts, report.entries) == ((), 0, 0)


class TestNaming:
    @pytest.mark.parametrize(
        ("dsn", "name"),
        [
            ("postgresql://me:hunter2@db.example:6432/fares?sslmode=require", "the database db.example:6432/fares"),
            ("postgresql://me:hunter2@db.example/fares", "the database db.example/fares"),
            ("postgresql://me@/fares?host=%2Frun%2Fpg", "the database /run/pg/fares"),
        ],
    )
    def test_an_outside_database_is_named_by_its_address_without_the_password(self, dsn: str, name: str) -> None:
        assert name_of_database(Settings(database_url=dsn)) == name

    def test_the_embedded_one_is_named_by_its_directory(self, tmp_path: Path) -> None:
        assert name_of_database(Settings(data_dir=tmp_path)) == f"the embedded database in {tmp_path}"
