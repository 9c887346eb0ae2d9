"""Keys from their making to their end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from models.api_key import ApiKey
from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.credentials import REMEMBERED_SECONDS, CreatedApiKey, Credentials, RevokedApiKey
from services.principal import Principal, Scope
from services.secret_key import hash_of, new_root_key, new_secret_key

TenantBuilder = Callable[..., Awaitable[Tenant]]

ROOT = Principal(CredentialKind.ROOT, (Scope.KEYS, Scope.TENANTS))


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.seconds = time.monotonic()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def credentials(database: Database, clock: Clock) -> Credentials:
    return Credentials(database, root_key="the root key", monotonic=clock)


def another_process(database: Database) -> Credentials:
    return Credentials(database, root_key="the root key")


async def a_key(credentials: Credentials, tenant: Tenant, **details: object) -> CreatedApiKey:
    details.setdefault("name", "backend")
    created = await credentials.create_api_key(ROOT, tenant_id=tenant.id, **details)  # type: ignore[arg-type]
    assert isinstance(created, CreatedApiKey)
    return created


async def principal_of(credentials: Credentials, key: str) -> Principal:
    principal = await credentials.authenticate(key)
    assert principal is not None
    return principal


class TestWhoIsAsking:
    async def test_a_secret_key_is_its_tenant(self, credentials: Credentials, a_tenant: TenantBuilder) -> None:
        tenant = await a_tenant(name="Acme", mode=TenantMode.LIVE)
        created = await a_key(credentials, tenant)
        principal = await principal_of(credentials, created.key)
        assert principal.kind is CredentialKind.SECRET
        assert (principal.tenant_id, principal.tenant_name, principal.mode) == (tenant.id, "Acme", TenantMode.LIVE)
        assert (principal.key_id, principal.expires_at, principal.account_id) == (created.key_id, None, None)
        assert principal.may(Scope.SPEND)
        assert not principal.may(Scope.TENANTS)

    async def test_the_root_key_is_no_tenant(self, credentials: Credentials) -> None:
        principal = await principal_of(credentials, "the root key")
        assert principal.kind is CredentialKind.ROOT
        assert principal.tenant_id is None
        assert principal.may(Scope.TENANTS)
        assert not principal.may(Scope.SPEND)

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "x",
            "the root key ",
            "THE ROOT KEY",
            "\ud800",
            "\x00",
            "y" * 10_000_000,
            new_secret_key(TenantMode.LIVE),
            new_root_key(),
        ],
        ids=range(9),
    )
    async def test_nobody_else_is_anybody(self, credentials: Credentials, key: str) -> None:
        assert await credentials.authenticate(key) is None

    async def test_a_wrong_checksum_never_reaches_the_database(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        key = (await a_key(credentials, await a_tenant())).key
        await database.close()
        wrong = key[:-1] + ("x" if key[-1] != "x" else "y")
        assert await credentials.authenticate(wrong) is None

    async def test_a_known_key_costs_no_reading(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        key = (await a_key(credentials, await a_tenant())).key
        principal = await principal_of(credentials, key)
        await database.close()
        assert await credentials.authenticate(key) == principal

    async def test_many_requests_with_one_key_read_it_once(
        self, dsn: str, a_tenant: TenantBuilder, credentials: Credentials
    ) -> None:
        key = (await a_key(credentials, await a_tenant())).key
        async with await Database.open(dsn, spanning_pool_size=1) as narrow:
            fresh = another_process(narrow)
            answers = await asyncio.gather(*(fresh.authenticate(key) for _ in range(200)))
        assert len({answer.key_id for answer in answers if answer is not None}) == 1
        assert None not in answers


class TestTheEndOfAKey:
    async def test_revoked_it_ends_at_once_here_and_within_five_seconds_elsewhere(
        self, database: Database, credentials: Credentials, clock: Clock, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        elsewhere = Credentials(database, root_key="the root key", monotonic=clock)
        await principal_of(credentials, created.key)
        await principal_of(elsewhere, created.key)
        revoked = await credentials.revoke_api_key(ROOT, created.key_id)
        assert isinstance(revoked, RevokedApiKey)
        assert await credentials.authenticate(created.key) is None
        assert REMEMBERED_SECONDS < 5
        clock.seconds += REMEMBERED_SECONDS
        assert await elsewhere.authenticate(created.key) is None

    async def test_revoked_again_it_ended_when_it_ended(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        first = await credentials.revoke_api_key(ROOT, created.key_id)
        assert await credentials.revoke_api_key(ROOT, created.key_id) == first

    async def test_expired_it_ends_at_its_instant_also_where_it_is_remembered(
        self, credentials: Credentials, clock: Clock, a_tenant: TenantBuilder
    ) -> None:
        expires_at = datetime.now(UTC) + timedelta(seconds=2)
        created = await a_key(credentials, await a_tenant(), expires_at=expires_at)
        principal = await principal_of(credentials, created.key)
        assert principal.expires_at == expires_at
        clock.seconds += 2.0
        assert clock.seconds - time.monotonic() < REMEMBERED_SECONDS
        assert await credentials.authenticate(created.key) is None

    async def test_expired_it_is_not_found(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant(), expires_at=datetime.now(UTC) + timedelta(hours=1))
        async with database.administration():
            await ApiKey.filter(id=created.key_id).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert await another_process(database).authenticate(created.key) is None


class TestWhoMakesAndEndsKeys:
    async def test_a_secret_key_makes_keys_of_its_own_tenant(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        mine = await principal_of(credentials, (await a_key(credentials, tenant)).key)
        created = await credentials.create_api_key(mine, name="second")
        assert isinstance(created, CreatedApiKey)
        assert (await principal_of(credentials, created.key)).tenant_id == tenant.id

    async def test_a_secret_key_names_no_tenant_not_even_its_own(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant, other = await a_tenant(), await a_tenant()
        mine = await principal_of(credentials, (await a_key(credentials, tenant)).key)
        for tenant_id in (tenant.id, other.id, uuid4()):
            answer = await credentials.create_api_key(mine, name="second", tenant_id=tenant_id)
            assert answer == InvalidInput("tenantId", "only the root key may name a tenant")

    async def test_the_root_key_must_name_a_tenant_that_exists(self, credentials: Credentials) -> None:
        answer = await credentials.create_api_key(ROOT, name="backend")
        assert isinstance(answer, InvalidInput)
        assert answer.field == "tenantId"
        assert await credentials.create_api_key(ROOT, name="backend", tenant_id=uuid4()) == NotFound("tenant")

    @pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\ud800b", "line\nbreak"], ids=range(6))
    async def test_a_name_is_a_short_line_of_text(
        self, credentials: Credentials, a_tenant: TenantBuilder, name: str
    ) -> None:
        tenant = await a_tenant()
        answer = await credentials.create_api_key(ROOT, name=name, tenant_id=tenant.id)
        assert isinstance(answer, InvalidInput)
        assert answer.field == "name"

    async def test_a_key_that_has_expired_already_is_not_made(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        past = datetime.now(UTC) - timedelta(seconds=1)
        answer = await credentials.create_api_key(ROOT, name="x", tenant_id=tenant.id, expires_at=past)
        assert answer == InvalidInput("expiresAt", "must be in the future")

    async def test_another_tenants_key_is_not_found(self, credentials: Credentials, a_tenant: TenantBuilder) -> None:
        mine = await principal_of(credentials, (await a_key(credentials, await a_tenant())).key)
        theirs = await a_key(credentials, await a_tenant())
        assert await credentials.revoke_api_key(mine, theirs.key_id) == NotFound("key")
        assert await credentials.revoke_api_key(mine, uuid4()) == NotFound("key")
        assert await credentials.authenticate(theirs.key) is not None


class TestWhereAKeyIsNeverSeen:
    async def test_the_database_has_its_hash_and_a_hint_alone(
        self, credentials: Credentials, dsn: str, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        connection = await asyncpg.connect(dsn)
        try:
            row = await connection.fetchrow("SELECT secret_hash, hint, k::text AS whole FROM api_key k")
        finally:
            await connection.close()
        assert row is not None
        assert row["secret_hash"] == hash_of(created.key)
        assert created.key.startswith(row["hint"])
        assert created.key not in row["whole"]
        assert created.key[len(row["hint"]) + 1 :] not in row["whole"]

    async def test_neither_logs_nor_representations_have_it(
        self, credentials: Credentials, a_tenant: TenantBuilder, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            created = await a_key(credentials, await a_tenant())
            principal = await principal_of(credentials, created.key)
            await credentials.record_uses()
            await credentials.revoke_api_key(ROOT, created.key_id)
        for text in (repr(created), repr(principal), str(vars(credentials)), caplog.text):
            assert created.key not in text
            assert "the root key" not in text


class TestLastUse:
    async def last_used_at(self, database: Database, created: CreatedApiKey) -> datetime | None:
        async with database.administration():
            return (await ApiKey.get(id=created.key_id)).last_used_at

    async def test_it_is_written_once_a_minute_and_never_while_a_request_waits(
        self, database: Database, credentials: Credentials, clock: Clock, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        await principal_of(credentials, created.key)
        assert await self.last_used_at(database, created) is None
        clock.seconds += 5
        await credentials.record_uses()
        first = await self.last_used_at(database, created)
        assert first is not None
        assert timedelta(seconds=4) < datetime.now(UTC) - first < timedelta(seconds=60)
        await principal_of(credentials, created.key)
        await credentials.record_uses()
        assert await self.last_used_at(database, created) == first

    async def test_a_use_a_minute_later_is_written(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        long_ago = datetime.now(UTC) - timedelta(seconds=61)
        async with database.administration():
            await ApiKey.filter(id=created.key_id).update(last_used_at=long_ago)
        await principal_of(credentials, created.key)
        await credentials.record_uses()
        last = await self.last_used_at(database, created)
        assert last is not None
        assert last > long_ago

    async def test_what_was_noted_is_written_at_the_end(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant())
        credentials.start()
        await principal_of(credentials, created.key)
        await credentials.stop()
        await credentials.stop()
        assert await self.last_used_at(database, created) is not None
