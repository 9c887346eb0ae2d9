"""Keys from their making to their end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from models.api_key import ApiKey, ApiKeyKind
from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.credentials import (
    OVERLAP_SECONDS_MAX,
    REMEMBERED_SECONDS,
    CreatedApiKey,
    Credentials,
    RevokedApiKey,
    RotatedApiKey,
)
from services.principal import Principal, Scope
from services.secret_key import hash_of, new_root_key, new_secret_key
from tests.services.shop import Shop, open_shop

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
    created = await credentials.create_api_key(ROOT, tenant_id=tenant.id, **details)
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


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as opened:
        yield opened


class TestPartnerKeys:
    async def test_one_reads_its_tenant_and_does_nothing_else(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        created = await a_key(credentials, await a_tenant(), kind=ApiKeyKind.PARTNER)
        principal = await principal_of(credentials, created.key)
        assert created.key.startswith("fbx_partner_test_")
        assert (principal.kind, principal.account_id) == (CredentialKind.PARTNER, None)
        assert principal.scopes == (Scope.READ,)

    async def test_one_may_be_bound_to_an_account_of_its_tenant(self, credentials: Credentials, shop: Shop) -> None:
        account = await shop.open()
        created = await credentials.create_api_key(
            ROOT, name="partner", kind=ApiKeyKind.PARTNER, tenant_id=shop.tenant_id, account_id=account
        )
        assert isinstance(created, CreatedApiKey)
        assert (await principal_of(credentials, created.key)).account_id == account

    async def test_none_is_bound_to_what_is_not_there_or_anothers(
        self, database: Database, credentials: Credentials, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        async with open_shop(database, (await a_tenant()).id) as other:
            theirs = await other.open()
        for account_id in (theirs, uuid4()):
            answer = await credentials.create_api_key(
                ROOT, name="", kind=ApiKeyKind.PARTNER, tenant_id=shop.tenant_id, account_id=account_id
            )
            assert answer == NotFound("account")

    async def test_a_secret_key_is_never_bound(self, credentials: Credentials, shop: Shop) -> None:
        answer = await credentials.create_api_key(
            ROOT, name="backend", tenant_id=shop.tenant_id, account_id=await shop.open()
        )
        assert isinstance(answer, InvalidInput)
        assert answer.field == "accountId"

    async def test_the_database_refuses_one_that_is_bound_and_may_write(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        with pytest.raises(IntegrityError):
            async with database.administration():
                await ApiKey.create(
                    id=uuid4(),
                    tenant_id=shop.tenant_id,
                    kind=ApiKeyKind.SECRET,
                    name="backend",
                    hint="x",
                    secret_hash=uuid4().bytes * 2,
                    created_at=datetime.now(UTC),
                    account_id=account,
                )


class TestRotation:
    async def rotate(
        self, credentials: Credentials, key_id: UUID, overlap_seconds: int = 60, **more: datetime
    ) -> RotatedApiKey:
        rotated = await credentials.rotate_api_key(ROOT, key_id, overlap_seconds=overlap_seconds, **more)
        assert isinstance(rotated, RotatedApiKey), rotated
        return rotated

    async def test_the_new_key_is_as_the_old_one_and_both_live_for_the_overlap(
        self, credentials: Credentials, shop: Shop
    ) -> None:
        account = await shop.open()
        old = await credentials.create_api_key(
            ROOT, name="partner", kind=ApiKeyKind.PARTNER, tenant_id=shop.tenant_id, account_id=account
        )
        assert isinstance(old, CreatedApiKey)
        rotated = await self.rotate(credentials, old.key_id, 3_600)
        before = await principal_of(credentials, old.key)
        after = await principal_of(credentials, rotated.created.key)
        assert replace(after, key_id=before.key_id, expires_at=before.expires_at) == before
        assert (before.expires_at, after.expires_at) == (rotated.old_ends_at, None)
        assert timedelta(minutes=59) < rotated.old_ends_at - datetime.now(UTC) <= timedelta(hours=1)

    async def test_without_overlap_the_old_key_ends_at_once(
        self, credentials: Credentials, clock: Clock, database: Database, a_tenant: TenantBuilder
    ) -> None:
        old = await a_key(credentials, await a_tenant())
        elsewhere = Credentials(database, root_key="the root key", monotonic=clock)
        await principal_of(credentials, old.key)
        await principal_of(elsewhere, old.key)
        rotated = await self.rotate(credentials, old.key_id, 0)
        assert await credentials.authenticate(old.key) is None
        clock.seconds += REMEMBERED_SECONDS
        assert await elsewhere.authenticate(old.key) is None
        assert await elsewhere.authenticate(rotated.created.key) is not None

    async def test_at_the_end_of_the_overlap_the_old_key_ends(
        self, credentials: Credentials, clock: Clock, a_tenant: TenantBuilder
    ) -> None:
        old = await a_key(credentials, await a_tenant())
        await self.rotate(credentials, old.key_id, 2)
        await principal_of(credentials, old.key)
        clock.seconds += 2.0
        assert await credentials.authenticate(old.key) is None

    async def test_an_end_of_its_own_is_kept_by_both_unless_said(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        soon, later = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) + timedelta(days=90)
        old = await a_key(credentials, tenant, expires_at=soon)
        rotated = await self.rotate(credentials, old.key_id, 3_600)
        assert rotated.old_ends_at == soon
        assert (await principal_of(credentials, rotated.created.key)).expires_at == soon
        again = await self.rotate(credentials, old.key_id, 0, expires_at=later)
        assert (await principal_of(credentials, again.created.key)).expires_at == later

    @pytest.mark.parametrize("overlap_seconds", [-1, OVERLAP_SECONDS_MAX + 1])
    async def test_an_overlap_out_of_bounds_changes_nothing(
        self, credentials: Credentials, a_tenant: TenantBuilder, overlap_seconds: int
    ) -> None:
        old = await a_key(credentials, await a_tenant())
        answer = await credentials.rotate_api_key(ROOT, old.key_id, overlap_seconds=overlap_seconds)
        assert isinstance(answer, InvalidInput)
        assert answer.field == "overlapSeconds"
        assert (await principal_of(credentials, old.key)).expires_at is None

    async def test_a_key_that_has_ended_has_no_successor(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        revoked, expired = await a_key(credentials, tenant), await a_key(credentials, tenant)
        await credentials.revoke_api_key(ROOT, revoked.key_id)
        async with database.administration():
            await ApiKey.filter(id=expired.key_id).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        for key in (revoked, expired):
            answer = await credentials.rotate_api_key(ROOT, key.key_id, overlap_seconds=60)
            assert isinstance(answer, InvalidInput)
            assert answer.field == "id"

    async def test_anothers_key_and_one_that_never_was_are_not_found(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        mine = await principal_of(credentials, (await a_key(credentials, await a_tenant())).key)
        theirs = await a_key(credentials, await a_tenant())
        for key_id in (theirs.key_id, uuid4()):
            assert await credentials.rotate_api_key(mine, key_id, overlap_seconds=60) == NotFound("key")


class TestLists:
    async def test_keys_come_newest_first_by_the_page_without_gap_or_repeat(
        self, database: Database, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant, other = await a_tenant(), await a_tenant()
        made = [(await a_key(credentials, tenant, name=f"key {number}")).key_id for number in range(5)]
        await a_key(credentials, other)
        async with database.administration():
            # Made in one instant: the id decides.
            await ApiKey.filter(id__in=made[:3]).update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
        seen: list[UUID] = []
        after = None
        while True:
            page = await credentials.list_keys(ROOT, tenant.id, Slice(2, after))
            assert isinstance(page, Page)
            seen += [record.key_id for record in page.rows]
            if not page.has_more:
                break
            after = page.rows[-1].place
        assert seen == [*reversed(made[3:]), *sorted(made[:3], reverse=True)]
        assert await credentials.count_keys(ROOT, tenant.id) == 5

    async def test_a_listed_key_tells_everything_but_itself(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        created = await a_key(credentials, tenant, name="backend")
        principal = await principal_of(credentials, created.key)
        await credentials.record_uses()
        page = await credentials.list_keys(principal, None, Slice(10))
        assert isinstance(page, Page)
        (record,) = page.rows
        assert (record.name, record.kind, record.hint) == ("backend", ApiKeyKind.SECRET, created.key[:20])
        assert record.last_used_at is not None
        assert (record.revoked_at, record.expires_at, record.tokens_last_used_at) == (None, None, None)
        assert created.key not in repr(page)

    async def test_the_root_key_says_whose_and_no_other_may(
        self, credentials: Credentials, a_tenant: TenantBuilder
    ) -> None:
        tenant = await a_tenant()
        mine = await principal_of(credentials, (await a_key(credentials, tenant)).key)
        for principal, tenant_id in ((ROOT, None), (mine, tenant.id)):
            answer = await credentials.list_keys(principal, tenant_id, Slice(1))
            assert isinstance(answer, InvalidInput)
            assert answer.field == "tenantId"
        nobody = await credentials.list_keys(ROOT, uuid4(), Slice(1))
        assert isinstance(nobody, Page)
        assert nobody.rows == ()
