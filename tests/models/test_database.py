"""Connections and transactions: who sees what, and what happens when the database does not answer."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from tortoise.exceptions import OperationalError

from models import pool, statements
from models.api_key import ApiKey, ApiKeyKind
from models.database import LANE_IDLE_TIMEOUT, LANE_LOCK_TIMEOUT, Database
from models.roles import Role, session_settings
from models.tenant import Tenant, TenantMode
from models.unavailable import DatabaseBusy, DatabaseUnreachable
from tests.faults.proxy import Proxy
from tests.patience import eventually

TenantBuilder = Callable[..., Awaitable[Tenant]]


def begins(database: Database, use: str) -> AbstractAsyncContextManager[asyncpg.Connection]:
    transaction = getattr(database, use)
    return transaction(uuid4()) if use in ("reader", "tenant") else transaction()


async def an_api_key(tenant_id: UUID) -> ApiKey:
    return await ApiKey.create(
        id=uuid4(),
        tenant_id=tenant_id,
        kind=ApiKeyKind.SECRET,
        name="a key",
        hint="fbx_secret_test_abcd",
        secret_hash=uuid4().bytes + uuid4().bytes,
        created_at=datetime.now(UTC),
    )


async def test_a_database_has_an_identity_that_no_other_has_and_that_stays(database: Database, empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    other = await connection.fetchval(statements.statement("read_identity"))
    await connection.close()
    assert await database.identity() == await database.identity() != other
    assert re.fullmatch(r"[0-9]+-[0-9]+", await database.identity())


class TestWhatATenantSees:
    async def test_its_own_rows_and_no_other(self, database: Database, a_tenant: TenantBuilder) -> None:
        first, second = await a_tenant(), await a_tenant()
        async with database.tenant(first.id) as connection:
            assert [row.id for row in await Tenant.all()] == [first.id]
            assert [row["id"] for row in await connection.fetch("SELECT id FROM tenant")] == [first.id]
        async with database.reader(second.id) as connection:
            assert [row["id"] for row in await connection.fetch("SELECT id FROM tenant")] == [second.id]

    async def test_nothing_on_a_connection_without_the_setting(
        self, database: Database, dsn: str, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        async with database.tenant(tenant.id):
            await an_api_key(tenant.id)
        connection = await asyncpg.connect(dsn, server_settings=session_settings(Role.SERVER, has_own_roles=True))
        try:
            assert await connection.fetch("SELECT * FROM tenant") == []
            assert await connection.fetch("SELECT * FROM api_key") == []
            for setting in ("", str(uuid4()), f"{uuid4()},{uuid4()}"):
                await connection.execute("SELECT set_config('farebox.tenants', $1, false)", setting)
                assert await connection.fetch("SELECT * FROM api_key") == []
        finally:
            await connection.close()

    async def test_nothing_of_the_last_tenant_on_a_pooled_connection(self, dsn: str) -> None:
        async with await Database.open(dsn, pool_size=1) as database:
            tenant_id = uuid4()
            async with database.tenant(tenant_id) as connection:
                pid = connection.get_server_pid()
                assert await connection.fetchval("SELECT current_setting('farebox.tenants')") == str(tenant_id)
            async with database._server.transaction("BEGIN", commits=False) as connection:
                assert connection.get_server_pid() == pid
                assert await connection.fetchval("SELECT current_setting('farebox.tenants', true)") in (None, "")
                assert await connection.fetch("SELECT * FROM tenant") == []

    async def test_it_cannot_write_anothers_rows(self, database: Database, a_tenant: TenantBuilder) -> None:
        mine, theirs = await a_tenant(), await a_tenant()
        async with database.tenant(theirs.id):
            key = await an_api_key(theirs.id)
        with pytest.raises(OperationalError, match="row-level security"):
            async with database.tenant(mine.id):
                await an_api_key(theirs.id)
        async with database.tenant(mine.id):
            assert await ApiKey.filter(id=key.id).update(name="mine now") == 0
            assert await ApiKey.get_or_none(id=key.id) is None
        async with database.tenant(theirs.id):
            assert (await ApiKey.get(id=key.id)).name == "a key"

    async def test_it_cannot_hand_a_row_to_another(self, database: Database, a_tenant: TenantBuilder) -> None:
        mine, theirs = await a_tenant(), await a_tenant()
        async with database.tenant(mine.id):
            key = await an_api_key(mine.id)
        with pytest.raises(OperationalError, match="row-level security"):
            async with database.tenant(mine.id):
                await ApiKey.filter(id=key.id).update(tenant_id=theirs.id)

    async def test_it_cannot_move_its_own_clock_or_write_the_ledger(
        self, database: Database, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        for statement in ("UPDATE tenant SET clock_offset_micros = 1", "UPDATE ledger_account SET total = 1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.tenant(tenant.id) as connection:
                    await connection.execute(statement)


class TestWhoSeesAll:
    async def test_administration_sees_and_writes_every_tenant(
        self, database: Database, a_tenant: TenantBuilder
    ) -> None:
        first, second = await a_tenant(), await a_tenant()
        async with database.administration():
            assert {row.id for row in await Tenant.all()} == {first.id, second.id}
            await an_api_key(first.id)
            await an_api_key(second.id)
            assert await ApiKey.all().count() == 2

    async def test_a_lane_has_a_connection_of_its_own(self, database: Database, a_tenant: TenantBuilder) -> None:
        await a_tenant()
        await a_tenant()
        lane = await database.lane_connection()
        try:
            assert await lane.fetchval("SELECT current_user") == "farebox_writer"
            assert await lane.fetchval("SELECT count(*) FROM tenant") == 2
            assert await lane.fetchval("SHOW idle_in_transaction_session_timeout") == LANE_IDLE_TIMEOUT
            assert await lane.fetchval("SHOW lock_timeout") == LANE_LOCK_TIMEOUT
        finally:
            await lane.close()

    async def test_the_spanning_reader_only_reads(self, database: Database, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant()
        async with database.spanning_reader() as connection:
            assert await connection.fetchval("SELECT count(*) FROM tenant") == 1
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("UPDATE tenant SET name = 'x' WHERE id = $1", tenant.id)

    async def test_the_writer_cannot_rewrite_the_journal(self, database: Database) -> None:
        lane = await database.lane_connection()
        try:
            for statement in ("UPDATE entry SET spent = 0", "DELETE FROM entry", "TRUNCATE entry"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await lane.execute(statement)
        finally:
            await lane.close()

    async def test_a_mode_without_roles_of_its_own_spans_by_a_setting(self) -> None:
        assert session_settings(Role.SERVER, has_own_roles=False) == {}
        assert session_settings(Role.WRITER, has_own_roles=False) == {"farebox.spanning": "on"}
        assert session_settings(Role.OWNER, has_own_roles=True) == {}


class TestTransactions:
    async def test_an_exception_undoes_everything(self, database: Database, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant()

        async def half_done() -> None:
            async with database.tenant(tenant.id):
                await an_api_key(tenant.id)
                raise LookupError

        with pytest.raises(LookupError):
            await half_done()
        async with database.tenant(tenant.id):
            assert await ApiKey.all().count() == 0

    async def test_a_reader_sees_one_snapshot(self, database: Database, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant(name="before")
        async with database.reader(tenant.id) as connection:
            assert await connection.fetchval("SELECT name FROM tenant") == "before"
            async with database.administration():
                await Tenant.filter(id=tenant.id).update(name="after")
            assert await connection.fetchval("SELECT name FROM tenant") == "before"
        async with database.reader(tenant.id) as connection:
            assert await connection.fetchval("SELECT name FROM tenant") == "after"

    async def test_models_refuse_to_work_outside(self, database: Database) -> None:
        with pytest.raises(RuntimeError):
            await Tenant.all()

    async def test_a_task_that_outlives_the_transaction_gets_an_error(
        self, database: Database, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        ended = asyncio.Event()

        async def late() -> list[Tenant]:
            await ended.wait()
            return await Tenant.all()

        async with database.tenant(tenant.id):
            task = asyncio.create_task(late())
        async with database.administration():
            ended.set()
            with pytest.raises(asyncpg.InterfaceError):
                await task

    async def test_two_databases_in_one_process_keep_apart(self, database: Database, dsn: str) -> None:
        async with await Database.open(dsn, pool_size=1) as other:
            tenant_id = uuid4()
            async with other.administration():
                await Tenant.create(
                    id=tenant_id, slug="a", name="A", mode=TenantMode.LIVE, created_at=datetime.now(UTC)
                )
                async with database.administration():
                    assert await Tenant.all().count() == 0
                assert await Tenant.all().count() == 1


class TestWhenTheDatabaseDoesNotServe:
    async def test_an_exhausted_pool_is_busy_at_once(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool, "SLOT_TIMEOUT_SECONDS", 0.1)
        async with await Database.open(dsn, pool_size=1) as database:
            async with database.reader(uuid4()):
                started = time.perf_counter()
                with pytest.raises(DatabaseBusy):
                    async with database.tenant(uuid4()):
                        pass
                assert time.perf_counter() - started < 1
            async with database.tenant(uuid4()):
                pass

    async def test_more_than_may_wait_are_refused_without_waiting(
        self, dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "WAITING_MAX", 2)
        async with await Database.open(dsn, pool_size=1) as database:

            async def use() -> None:
                async with database.reader(uuid4()) as connection:
                    await connection.execute("SELECT pg_sleep(0.05)")

            outcomes = await asyncio.gather(*(use() for _ in range(10)), return_exceptions=True)
        assert sum(isinstance(outcome, DatabaseBusy) for outcome in outcomes) == 7
        assert outcomes.count(None) == 3

    @pytest.mark.parametrize("use", ["reader", "tenant", "spanning_reader", "administration"])
    async def test_at_a_time_limit_a_silent_connection_is_cut_and_all_others_are_replaced(
        self, dsn: str, use: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "CLOSE_TIMEOUT_SECONDS", 0.1)

        async with Proxy(dsn) as proxy, await Database.open(proxy.dsn) as database:
            for one, two in (("reader", "tenant"), ("spanning_reader", "administration")):
                async with begins(database, one), begins(database, two):
                    pass
            proxy.fall_silent()
            started = time.perf_counter()
            with pytest.raises((TimeoutError, DatabaseUnreachable)):
                async with pool.time_limit(0.2), begins(database, use) as connection:
                    await connection.execute("SELECT 1")
            assert 0.2 <= time.perf_counter() - started < 2
            started = time.perf_counter()
            for each in ("reader", "tenant", "spanning_reader", "administration"):
                async with begins(database, each) as connection:
                    assert await connection.fetchval("SELECT 1") == 1
            assert time.perf_counter() - started < 2

    @pytest.mark.parametrize("use", ["reader", "tenant", "spanning_reader", "administration"])
    async def test_a_connection_that_fell_silent_while_idle_is_replaced_before_anybody_uses_it(
        self, dsn: str, use: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "SILENCE_SECONDS_MAX", 0.2)
        monkeypatch.setattr(pool, "CLOSE_TIMEOUT_SECONDS", 0.1)
        async with Proxy(dsn) as proxy, await Database.open(proxy.dsn) as database:
            for each in ("reader", "spanning_reader"):
                async with begins(database, each), begins(database, each):
                    pass
            proxy.fall_silent()
            for each in (use, use, "reader", "spanning_reader"):
                started = time.perf_counter()
                async with begins(database, each) as connection:
                    assert await connection.fetchval("SELECT 1") == 1
                # The first finds out, and all that were open then are replaced.
                assert time.perf_counter() - started < 2

    async def test_of_many_who_find_the_same_silence_the_later_ones_say_nothing_of_new_connections(
        self, dsn: str
    ) -> None:
        async with Proxy(dsn) as proxy, await Database.open(proxy.dsn, pool_size=4) as database:
            limits: list[pool.TimeLimit] = []

            async def wait_in_vain() -> None:
                async with pool.time_limit(60) as limit, database.reader(uuid4()):
                    limits.append(limit)
                    await asyncio.Event().wait()

            async def pids() -> set[int]:
                async with AsyncExitStack() as stack:
                    lent = [await stack.enter_async_context(database.reader(uuid4())) for _ in range(4)]
                    return {connection.get_server_pid() for connection in lent}

            waiting = [asyncio.create_task(wait_in_vain()) for _ in range(2)]
            await eventually(lambda: len(limits) == 2)
            proxy.fall_silent()
            made_since = set()
            for limit in limits:
                limit.end_now()
                async with database.reader(uuid4()) as connection:
                    made_since.add(connection.get_server_pid())
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(outcome, TimeoutError | DatabaseUnreachable) for outcome in outcomes), outcomes
            assert made_since <= await pids()

    async def test_a_database_that_is_silent_to_new_connections_too_is_unreachable(
        self, dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "SILENCE_SECONDS_MAX", 0.1)
        monkeypatch.setattr(pool, "CLOSE_TIMEOUT_SECONDS", 0.1)
        async with Proxy(dsn) as proxy, await Database.open(proxy.dsn) as database:
            proxy.delay_seconds = 0.15
            with pytest.raises(DatabaseUnreachable, match="silent"):
                async with database.reader(uuid4()):
                    pass

    async def test_what_falls_silent_in_the_middle_is_given_up_once_and_not_waited_for_at_its_end(
        self, dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "SILENCE_SECONDS_MAX", 0.1)
        monkeypatch.setattr(pool, "CLOSE_TIMEOUT_SECONDS", 0.1)
        async with Proxy(dsn) as proxy, await Database.open(proxy.dsn) as database:

            async def ask(use: str) -> None:
                async with begins(database, use) as connection:
                    proxy.fall_silent()
                    await connection.execute("SELECT 1", timeout=0.2)

            for use in ("reader", "tenant"):
                started = time.perf_counter()
                with pytest.raises(DatabaseUnreachable):
                    await ask(use)
                assert time.perf_counter() - started < 2

    async def test_within_a_time_limit_nothing_is_cut(self, database: Database) -> None:
        pids = set()
        for _ in range(3):
            async with pool.time_limit(10), database.reader(uuid4()) as connection:
                pids.add(connection.get_server_pid())
        async with database.reader(uuid4()) as connection:
            pids.add(connection.get_server_pid())
        assert len(pids) == 1

    async def test_lost_connections_neither_leak_nor_last(self, dsn: str, postgres_dsn: str) -> None:
        killer = await asyncpg.connect(postgres_dsn)

        async def lose(transaction: AbstractAsyncContextManager[asyncpg.Connection]) -> None:
            async with transaction as connection:
                await killer.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
                await connection.execute("SELECT pg_sleep(5)")

        try:
            async with await Database.open(dsn, pool_size=2, spanning_pool_size=1) as database:
                for _ in range(5):
                    for transaction in (database.tenant(uuid4()), database.reader(uuid4()), database.administration()):
                        with pytest.raises(DatabaseUnreachable):
                            await lose(transaction)
                async with database.tenant(uuid4()) as first, database.reader(uuid4()) as second:
                    assert await first.fetchval("SELECT 1") == await second.fetchval("SELECT 1")
        finally:
            await killer.close()

    async def test_connections_lost_while_idle_are_replaced(self, dsn: str, postgres_dsn: str) -> None:
        killer = await asyncpg.connect(postgres_dsn)
        try:
            async with await Database.open(dsn, pool_size=1) as database:
                for _ in range(5):
                    async with database.reader(uuid4()) as connection:
                        pid = connection.get_server_pid()
                    await killer.execute("SELECT pg_terminate_backend($1)", pid)
                    await asyncio.sleep(0.05)
                    async with database.reader(uuid4()) as connection:
                        assert await connection.fetchval("SELECT 1") == 1
        finally:
            await killer.close()

    async def test_a_cancelled_request_gives_its_connection_back(self, dsn: str) -> None:
        async with await Database.open(dsn, pool_size=1) as database:

            async def sleep() -> None:
                async with database.tenant(uuid4()) as connection:
                    await connection.execute("SELECT pg_sleep(5)")

            for delay_seconds in (0.0, 0.001, 0.01, 0.1):
                task = asyncio.create_task(sleep())
                await asyncio.sleep(delay_seconds)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                async with database.reader(uuid4()) as connection:
                    assert await connection.fetchval("SELECT 1") == 1

    @pytest.mark.parametrize("times", [1, 2])
    async def test_a_reader_that_is_cancelled_anywhere_leaves_no_transaction_behind(
        self, dsn: str, caplog: pytest.LogCaptureFixture, times: int
    ) -> None:
        async def read(database: Database) -> None:
            async with database.spanning_reader() as connection:
                await connection.fetchval("SELECT 1")

        async with await Database.open(dsn, pool_size=1, spanning_pool_size=1) as database:
            # One sixteenth of a millisecond later each time, from before BEGIN until after ROLLBACK.
            for step in range(80):
                reading = asyncio.create_task(read(database))
                await asyncio.sleep(step / 16_000)
                for _ in range(times):
                    reading.cancel()
                    # A turn of the loop, so that the second hits what the first has set going.
                    await asyncio.sleep(0)
                await asyncio.gather(reading, return_exceptions=True)
            await read(database)

        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []

    async def test_a_statement_out_of_time_is_an_outage(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool, "COMMAND_TIMEOUT_SECONDS", 0.2)
        async with await Database.open(dsn, pool_size=1) as database:
            with pytest.raises(DatabaseUnreachable):
                async with database.tenant(uuid4()) as connection:
                    await connection.execute("SELECT pg_sleep(5)")

    async def test_an_address_where_nobody_listens_is_unreachable(self) -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            with pytest.raises(DatabaseUnreachable):
                await Database.open(f"postgresql://farebox@127.0.0.1:{port}/farebox?sslmode=disable")

    async def test_a_server_that_never_answers_is_unreachable_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pool, "CONNECT_TIMEOUT_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            started = time.perf_counter()
            with pytest.raises(DatabaseUnreachable):
                await Database.open(f"postgresql://farebox@127.0.0.1:{port}/farebox?sslmode=disable")
            assert time.perf_counter() - started < 2

    async def test_a_wrong_database_name_is_a_wrong_setting(self, dsn: str) -> None:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await Database.open(dsn.replace("farebox_test_", "farebox_none_"))

    async def test_the_callers_own_errors_pass_unchanged(self, database: Database) -> None:
        with pytest.raises(BrokenPipeError):
            async with database.tenant(uuid4()):
                raise BrokenPipeError
