"""What the cold tables themselves refuse and allow, whoever asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from models.account import Account, AccountKind
from models.database import Database
from models.price_book import PriceBookVersion
from models.statements import statement
from models.tenant import Tenant, TenantMode

TenantBuilder = Callable[..., Awaitable[Tenant]]


async def a_price_book(tenant: Tenant, version: int = 1) -> PriceBookVersion:
    now = datetime.now(UTC)
    return await PriceBookVersion.create(
        id=uuid4(),
        tenant_id=tenant.id,
        version=version,
        slug="a",
        name="A",
        source="",
        published_at=now,
        effective_at=now,
    )


async def some_accounts(database: Database, tenant: Tenant, *names: tuple[str, str]) -> None:
    now = datetime.now(UTC)
    async with database.administration() as connection:
        for external_id, name in names:
            account = await Account.create(
                account_id=uuid4(),
                tenant_id=tenant.id,
                external_id=external_id,
                name=name,
                kind=AccountKind.PERSONAL,
                created_at=now,
            )
            await connection.execute(
                "INSERT INTO ledger_account (account_id, tenant_id, created_at, last_at) VALUES ($1, $2, $3, $3)",
                account.account_id,
                tenant.id,
                now,
            )


async def found(database: Database, tenant: Tenant, search: str | None, first: int = 100) -> list[str]:
    async with database.reader(tenant.id) as connection:
        rows = await connection.fetch(statement("list_accounts"), tenant.id, None, search, first, None)
    return [row["external_id"] for row in rows]


@pytest.mark.parametrize(
    "change", ["UPDATE price_book SET source = 'x'", "DELETE FROM price_book", "TRUNCATE price_book"]
)
async def test_a_published_price_book_never_changes_not_even_by_its_owner(
    database: Database, dsn: str, a_tenant: TenantBuilder, change: str
) -> None:
    tenant = await a_tenant()
    async with database.tenant(tenant.id):
        await a_price_book(tenant)
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(change)
    finally:
        await connection.close()
    for transaction in (database.tenant(tenant.id), database.administration()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction as limited:
                await limited.execute(change)


async def test_a_version_is_given_once(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    async with database.tenant(tenant.id):
        await a_price_book(tenant, version=1)
    with pytest.raises(IntegrityError):
        async with database.tenant(tenant.id):
            await a_price_book(tenant, version=1)


async def test_a_live_tenant_has_no_clock_of_its_own(database: Database, a_tenant: TenantBuilder) -> None:
    live, test = await a_tenant(mode=TenantMode.LIVE), await a_tenant(mode=TenantMode.TEST)
    async with database.administration():
        await Tenant.filter(id=test.id).update(clock_offset_micros=1)
    with pytest.raises(IntegrityError):
        async with database.administration():
            await Tenant.filter(id=live.id).update(clock_offset_micros=1)


async def test_an_external_id_is_unique_within_its_tenant_only(database: Database, a_tenant: TenantBuilder) -> None:
    first, second = await a_tenant(), await a_tenant()
    await some_accounts(database, first, ("user-1", "Ada"))
    await some_accounts(database, second, ("user-1", "Ada"))
    with pytest.raises(IntegrityError):
        await some_accounts(database, first, ("user-1", "Eve"))


async def test_accounts_are_searched_by_how_they_begin_in_any_case(database: Database, a_tenant: TenantBuilder) -> None:
    tenant, other = await a_tenant(), await a_tenant()
    names = ("user-1", "Ada Lovelace"), ("USER-2", "Émile"), ("x", "ada"), ("per%cent", "\U0010fffd"), ("usertool", "Z")
    await some_accounts(database, tenant, *names)
    await some_accounts(database, other, ("user-9", "Ada"))
    assert set(await found(database, tenant, None)) == {"user-1", "USER-2", "x", "per%cent", "usertool"}
    assert len(await found(database, tenant, None, first=2)) == 2
    assert set(await found(database, tenant, "User-")) == {"user-1", "USER-2"}
    assert set(await found(database, tenant, "ADA")) == {"user-1", "x"}
    assert set(await found(database, tenant, "éM")) == {"USER-2"}
    assert await found(database, tenant, "per%") == ["per%cent"]
    assert await found(database, tenant, "%") == []
    assert await found(database, tenant, "lovelace") == []


async def test_a_search_reads_its_indexes_although_rows_are_secured(
    database: Database, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant()
    async with database.administration() as connection:
        await connection.execute(
            """
            INSERT INTO account (account_id, tenant_id, external_id, name, kind, created_at)
            SELECT gen_random_uuid(), $1, 'user-' || n, 'Name ' || n, 'PERSONAL', now() FROM generate_series(1, 20000) n
            """,
            tenant.id,
        )
    async with database.owner() as owner:
        await owner.execute("ANALYZE account")
    async with database.reader(tenant.id) as connection:
        for column in ("external_id_folded", "name_folded"):
            plan = await connection.fetch(
                f"EXPLAIN SELECT * FROM account WHERE {column} >= lower('USER-1999')"
                f" AND {column} < lower('USER-1999') || chr(1114111)"
            )
            assert any("Index Cond" in row[0] and column in row[0] for row in plan), plan
