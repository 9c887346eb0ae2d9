"""Row-level security of every table, and what becomes of it when the owner may not create roles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from models.migrations import is_current, migrate
from models.roles import Role, session_settings
from models.tenant import Tenant, TenantMode
from rules.identity import referral_code_of
from rules.ledger.commands import ManageMembers
from rules.ledger.kinds import GrantSource, MemberRole
from rules.ledger.member_changes import AddMember
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.requests import EstimateRequest
from rules.pricing.tokens import MICROS
from rules.promotions.promo_codes import PromoTerms
from services.credentials import CreatedApiKey, Credentials
from services.ledger.sweeper import ensure_journal_months
from services.principal import OPERATOR
from services.projects import ProjectChanges
from tests.services.shop import a_line, a_source, open_shop

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


TENANT_TABLES = """
    SELECT c.oid::regclass::text AS name FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
           AND a.attname = CASE c.relname WHEN 'tenant' THEN 'id' ELSE 'tenant_id' END
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


PARTITIONS = "SELECT oid::regclass::text AS name FROM pg_class WHERE relispartition AND relkind = 'r'"


LOYALTY = "[[policies.loyalty]]\nspent = 1000\nwithin_days = 30\ntokens = 1"


async def fill(database: Database, tenant: Tenant) -> None:
    """A day's business of a tenant, which leaves rows in every table."""
    async with open_shop(database, tenant.id) as shop:
        await shop.publish(a_source(more=LOYALTY))
        referrer = await shop.open("referrer", tokens=100)
        await keys_and_tokens(database, tenant, referrer)
        friend = (await shop.create("friend", referred_by=referral_code_of(referrer))).account_id
        paid = {"source": GrantSource.PURCHASE, "card_fingerprint": "card", "note": "a text"}
        bought = await shop.grants.grant_tokens(shop.grant_request(friend, "p", 100, **paid))
        assert isinstance(bought, GrantEffect)
        member = AddMember(uuid4(), "m", "M", MemberRole.MEMBER)
        assert isinstance(await shop.writer.submit(ManageMembers(tenant.id, friend, (member,))), MembersEffect)
        await shop.fares.quote(EstimateRequest(tenant.id, (a_line(),)))
        request = shop.reserve_request(friend, "charged", member_id=member.member_id, work=130 * MICROS)
        charged = await shop.fares.charge(request)
        assert isinstance(charged, HoldEffect)
        refund = shop.refund_request(friend, "refunded", charged.hold.hold_id, amount=MICROS)
        assert isinstance(await shop.fares.refund(refund), HoldEffect)
        await shop.promo_codes.create(tenant.id, PromoTerms("WELCOME", MICROS))
        assert isinstance(await shop.redemptions.redeem(tenant.id, friend, "k", "WELCOME"), GrantEffect)
        sent = shop.transfer_request(friend, "sent", referrer)
        assert isinstance(await shop.transfers.transfer_tokens(sent), GrantEffect)
        await shop.workflows.save(tenant.id, friend, name="poster", lines=(a_line(),))
        await shop.projects.save(tenant.id, friend, "film", ProjectChanges())


async def keys_and_tokens(database: Database, tenant: Tenant, account_id: UUID) -> None:
    credentials = Credentials(database, root_key="the root key")
    created = await credentials.create_api_key(OPERATOR, name="backend", tenant_id=tenant.id)
    assert isinstance(created, CreatedApiKey)
    backend = await credentials.authenticate(created.key)
    assert backend is not None
    await credentials.client_tokens.create(backend, account_id)
    await credentials.client_tokens.revoke(backend, account_id)


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


async def test_a_connection_without_a_tenant_sees_nothing_of_any_table(dsn: str, database: Database) -> None:
    """Every table with a tenant's rows, as the catalogue lists them, after a day's business."""
    tenant, _ = await two_tenants(database)
    await fill(database, tenant)
    as_server = await asyncpg.connect(dsn, server_settings=session_settings(Role.SERVER, has_own_roles=True))
    as_writer = await asyncpg.connect(dsn, server_settings=session_settings(Role.WRITER, has_own_roles=True))
    seen: dict[str, int] = {}
    try:
        for table in await as_writer.fetch(TENANT_TABLES):
            name = table["name"]
            seen[name] = await as_writer.fetchval(f"SELECT count(*) FROM {name}")
            if name == "signing_secret":
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await as_server.fetchval(f"SELECT count(*) FROM {name}")
            else:
                assert await as_server.fetchval(f"SELECT count(*) FROM {name}") == 0, name
    finally:
        await as_server.close()
        await as_writer.close()
    # Nothing is seen of rows that are there, and not because there are none.
    assert len(seen) > 30
    assert {name for name, rows in seen.items() if not rows} == set()


@pytest.mark.parametrize("role", [Role.SERVER, Role.WRITER])
async def test_no_partition_is_a_way_around_the_whole(dsn: str, database: Database, role: Role) -> None:
    tenant, _ = await two_tenants(database)
    await fill(database, tenant)
    await ensure_journal_months(database)
    connection = await asyncpg.connect(dsn, server_settings=session_settings(role, has_own_roles=True))
    try:
        partitions = await connection.fetch(PARTITIONS)
        assert len(partitions) > 3
        for partition in partitions:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {partition['name']}")
    finally:
        await connection.close()


async def test_neither_a_view_nor_a_function_is_a_way_around(dsn: str, database: Database) -> None:
    """Both may do what their owner may: the server's role reads no view, and calls nothing that acts for its owner."""
    connection = await asyncpg.connect(dsn)
    try:
        views = await connection.fetch(
            "SELECT relname, has_table_privilege('farebox_server', oid, 'SELECT') AS is_open FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
        )
        functions = await connection.fetch(
            "SELECT proname, has_function_privilege('farebox_server', oid, 'EXECUTE') AS is_open FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        )
    finally:
        await connection.close()
    assert [row["relname"] for row in views if row["is_open"]] == []
    assert [row["proname"] for row in functions if row["is_open"]] == []
    assert views
    assert functions


async def failing_statement(connection: asyncpg.Connection) -> None:
    await connection.execute("SELECT 1 / 0")


async def failing_code(connection: asyncpg.Connection) -> None:
    raise LookupError


async def forgotten_setting(connection: asyncpg.Connection) -> None:
    """Code that sets a tenant for the whole session, and fails."""
    await connection.execute("SELECT set_config('farebox.tenants', $1, false)", str(uuid4()))
    raise LookupError


@pytest.mark.parametrize("fail", [failing_statement, failing_code, forgotten_setting])
@pytest.mark.parametrize("way", ["tenant", "reader"])
async def test_a_pooled_connection_keeps_nothing_of_a_tenant_whose_request_failed(
    dsn: str, way: str, fail: Callable[[asyncpg.Connection], Awaitable[None]]
) -> None:
    async with await Database.open(dsn, pool_size=1) as database:
        tenant, _ = await two_tenants(database)
        async with getattr(database, way)(tenant.id) as connection:
            pid = connection.get_server_pid()

        async def request() -> None:
            async with getattr(database, way)(tenant.id) as connection:
                assert connection.get_server_pid() == pid
                await fail(connection)

        with pytest.raises((asyncpg.DivisionByZeroError, LookupError)):
            await request()
        await expect_nothing_kept(database, pid)


@pytest.mark.parametrize("way", ["tenant", "reader"])
async def test_a_pooled_connection_keeps_nothing_of_a_tenant_whose_request_was_cancelled(dsn: str, way: str) -> None:
    async with await Database.open(dsn, pool_size=1) as database:
        tenant, _ = await two_tenants(database)
        entered = asyncio.Event()

        async def request() -> None:
            async with getattr(database, way)(tenant.id) as connection:
                entered.set()
                await connection.execute("SELECT pg_sleep(30)")

        for _ in range(3):
            task = asyncio.create_task(request())
            await entered.wait()
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            entered.clear()
            await expect_nothing_kept(database, None)


async def expect_nothing_kept(database: Database, pid: int | None) -> None:
    """The pool's one connection, as the next borrower gets it; the same one as before where `pid` is given."""
    async with database._server._lent() as loan:
        connection = loan.connection
        assert pid is None or connection.get_server_pid() == pid
        assert await connection.fetchval("SELECT current_setting('farebox.tenants', true)") in (None, "")
        assert await connection.fetch("SELECT * FROM tenant") == []
        assert not connection.is_in_transaction()


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
            async with database._server._lent() as loan:
                assert await loan.connection.fetch("SELECT * FROM tenant") == []
            lane = await database.lane_connection()
            try:
                assert await lane.fetchval("SELECT count(*) FROM tenant") == 2
            finally:
                await lane.close()
