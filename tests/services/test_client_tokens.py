"""Client tokens from their making to their end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.api_key import ApiKey, ApiKeyKind
from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.ledger.kinds import MemberRole
from rules.ledger.outcomes import MembersEffect
from rules.ledger.refusals import NotFound
from rules.ledger.requests import GoneMember, MembersRequest, NewMember
from rules.pricing.refusals import InvalidInput
from services.client_token import ClientToken, signed_token
from services.client_tokens import REMEMBERED_SECONDS, CreatedClientToken
from services.credentials import CreatedApiKey, Credentials
from services.members import Members
from services.principal import OPERATOR, Principal, Scope
from tests.conftest import TenantBuilder
from tests.services.shop import Shop, open_shop

DAY_SECONDS = 86_400
"""No token lives longer."""

ENDS_WITHIN_SECONDS = 5.0
"""In which a token that was ended has ended on every process."""

TEST_CLOCK_SECONDS = DAY_SECONDS * 30


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
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant(mode=TenantMode.TEST)).id) as opened:
        yield opened


@pytest.fixture
def credentials(database: Database, clock: Clock) -> Credentials:
    return Credentials(database, root_key="the root key", monotonic=clock)


@pytest.fixture
def elsewhere(database: Database, clock: Clock) -> Credentials:
    """Another process."""
    return Credentials(database, root_key="the root key", monotonic=clock)


async def a_backend(credentials: Credentials, tenant_id: UUID, **details: object) -> Principal:
    created = await credentials.create_api_key(OPERATOR, name="backend", tenant_id=tenant_id, **details)
    assert isinstance(created, CreatedApiKey)
    principal = await credentials.authenticate(created.key)
    assert principal is not None
    return principal


async def a_token(credentials: Credentials, backend: Principal, account_id: UUID, **details: object) -> str:
    created = await credentials.client_tokens.create(backend, account_id, **details)
    assert isinstance(created, CreatedClientToken), created
    return created.token


async def change(shop: Shop, account_id: UUID, *changes: NewMember | GoneMember) -> MembersEffect:
    outcome = await Members(shop.writer).manage(MembersRequest(shop.tenant_id, account_id, changes, listed=True))
    assert isinstance(outcome, MembersEffect), outcome
    return outcome


async def take_in(shop: Shop, account_id: UUID, name: str) -> UUID:
    effect = await change(shop, account_id, NewMember(name, name.title(), MemberRole.ADMIN))
    return effect.members[0].member_id


async def signing_secret(database: Database, tenant_id: UUID) -> bytes:
    async with database.administration() as connection:
        secret = await connection.fetchval("SELECT secret FROM signing_secret WHERE tenant_id = $1", tenant_id)
    assert isinstance(secret, bytes)
    return secret


class TestWhoHasIt:
    async def test_a_token_is_of_one_account_with_its_role(self, credentials: Credentials, shop: Shop) -> None:
        account = await shop.open()
        backend = await a_backend(credentials, shop.tenant_id)
        principal = await credentials.authenticate(
            await a_token(credentials, backend, account, role=MemberRole.ADMIN, ttl_seconds=60)
        )
        assert principal is not None
        assert principal.kind is CredentialKind.CLIENT
        assert (principal.tenant_id, principal.account_id) == (shop.tenant_id, account)
        assert (principal.role, principal.member_id, principal.key_id) == (MemberRole.ADMIN, None, backend.key_id)
        assert (principal.mode, principal.tenant_name) == (TenantMode.TEST, backend.tenant_name)
        assert principal.may(Scope.ADMINISTER)
        assert not principal.may(Scope.SPEND)
        assert principal.expires_at is not None
        assert timedelta(seconds=50) < principal.expires_at - datetime.now(UTC) <= timedelta(seconds=60)

    async def test_another_process_knows_it_too(
        self, credentials: Credentials, elsewhere: Credentials, shop: Shop
    ) -> None:
        token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        assert await elsewhere.authenticate(token) == await credentials.authenticate(token)

    async def test_a_known_token_costs_no_reading(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        principal = await credentials.authenticate(token)
        await database.close()
        assert principal is not None
        assert await credentials.authenticate(token) == principal

    async def test_many_requests_with_one_token_read_once(self, dsn: str, credentials: Credentials, shop: Shop) -> None:
        token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        async with await Database.open(dsn, spanning_pool_size=1) as narrow:
            fresh = Credentials(narrow, root_key="the root key")
            answers = await asyncio.gather(*(fresh.authenticate(token) for _ in range(200)))
        assert len(set(answers)) == 1
        assert None not in answers


class TestWhoGetsNone:
    async def test_an_account_that_is_not_there_or_of_another_tenant(
        self, credentials: Credentials, shop: Shop, a_tenant: TenantBuilder, database: Database
    ) -> None:
        backend = await a_backend(credentials, shop.tenant_id)
        async with open_shop(database, (await a_tenant()).id) as other:
            theirs = await other.open()
        for account_id in (uuid4(), theirs):
            assert await credentials.client_tokens.create(backend, account_id) == NotFound("account")
            assert await credentials.client_tokens.revoke(backend, account_id) == NotFound("account")

    @pytest.mark.parametrize("ttl_seconds", [0, -1, DAY_SECONDS + 1, 2**31 - 1])
    async def test_a_life_out_of_bounds(self, credentials: Credentials, shop: Shop, ttl_seconds: int) -> None:
        backend = await a_backend(credentials, shop.tenant_id)
        account = await shop.open()
        answer = await credentials.client_tokens.create(backend, account, ttl_seconds=ttl_seconds)
        assert isinstance(answer, InvalidInput)
        assert answer.field == "ttlSeconds"
        assert await a_token(credentials, backend, account, ttl_seconds=DAY_SECONDS)

    async def test_a_key_that_has_just_ended(self, credentials: Credentials, shop: Shop) -> None:
        backend = await a_backend(credentials, shop.tenant_id)
        account = await shop.open()
        assert backend.key_id is not None
        await credentials.revoke_api_key(OPERATOR, backend.key_id)
        assert await credentials.client_tokens.create(backend, account) == NotFound("key")


class TestItsEnd:
    async def test_at_its_instant_also_where_it_is_remembered(
        self, credentials: Credentials, clock: Clock, shop: Shop
    ) -> None:
        backend = await a_backend(credentials, shop.tenant_id)
        token = await a_token(credentials, backend, await shop.open(), ttl_seconds=2)
        assert await credentials.authenticate(token) is not None
        clock.seconds += 2.0
        assert REMEMBERED_SECONDS > 2.0
        assert await credentials.authenticate(token) is None

    async def test_a_moved_test_clock_ends_none(self, credentials: Credentials, clock: Clock, shop: Shop) -> None:
        token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        await shop.clock.advance(shop.tenant_id, TEST_CLOCK_SECONDS)
        clock.seconds += ENDS_WITHIN_SECONDS
        assert await credentials.authenticate(token) is not None

    async def test_with_the_key_that_it_was_made_with(
        self, credentials: Credentials, elsewhere: Credentials, clock: Clock, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        mine = await a_token(credentials, backend, account)
        others = await a_token(credentials, await a_backend(credentials, shop.tenant_id), account)
        assert await elsewhere.authenticate(mine) is not None
        assert await credentials.authenticate(mine) is not None
        assert backend.key_id is not None
        await credentials.revoke_api_key(OPERATOR, backend.key_id)
        assert await credentials.authenticate(mine) is None
        clock.seconds += ENDS_WITHIN_SECONDS
        assert await elsewhere.authenticate(mine) is None
        assert await elsewhere.authenticate(others) is not None

    async def test_with_the_end_of_its_key_at_the_latest(self, credentials: Credentials, shop: Shop) -> None:
        ends_at = datetime.now(UTC) + timedelta(seconds=30)
        backend = await a_backend(credentials, shop.tenant_id, expires_at=ends_at)
        created = await credentials.client_tokens.create(backend, await shop.open())
        assert isinstance(created, CreatedClientToken)
        assert created.expires_at == ends_at

    async def test_when_the_key_is_made_to_end_before_it(
        self, database: Database, credentials: Credentials, clock: Clock, shop: Shop
    ) -> None:
        backend = await a_backend(credentials, shop.tenant_id)
        token = await a_token(credentials, backend, await shop.open())
        async with database.administration():
            await ApiKey.filter(id=backend.key_id).update(expires_at=datetime.now(UTC) + timedelta(seconds=2))
        assert await credentials.authenticate(token) is not None
        clock.seconds += 2.0
        assert await credentials.authenticate(token) is None

    async def test_revoked_at_once_here_and_within_five_seconds_elsewhere(
        self, credentials: Credentials, elsewhere: Credentials, clock: Clock, shop: Shop
    ) -> None:
        backend, account, other = await a_backend(credentials, shop.tenant_id), await shop.open(), await shop.open("b")
        token = await a_token(credentials, backend, account)
        spared = await a_token(credentials, backend, other)
        for process in (credentials, elsewhere):
            assert await process.authenticate(token) is not None
        assert await credentials.client_tokens.revoke(backend, account) is None
        assert await credentials.authenticate(token) is None
        clock.seconds += ENDS_WITHIN_SECONDS
        assert await elsewhere.authenticate(token) is None
        assert await elsewhere.authenticate(spared) is not None

    async def test_what_is_made_after_a_revocation_lives_until_the_next(
        self, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        await credentials.client_tokens.revoke(backend, account)
        token = await a_token(credentials, backend, account)
        assert await credentials.authenticate(token) is not None
        await credentials.client_tokens.revoke(backend, account)
        assert await credentials.authenticate(token) is None


class TestMembers:
    async def a_member(self, database: Database, shop: Shop, account_id: UUID, role: MemberRole) -> UUID:
        member_id = uuid4()
        async with database.administration() as connection:
            await connection.execute(
                "INSERT INTO member (account_id, member_id, tenant_id, external_id, name, role, active, created_at) "
                "VALUES ($1, $2, $3, $4, 'M', $5, true, now())",
                account_id,
                member_id,
                shop.tenant_id,
                str(member_id),
                role.value,
            )
        return member_id

    @pytest.mark.parametrize("of_member", MemberRole)
    @pytest.mark.parametrize("of_token", MemberRole)
    async def test_its_role_is_the_lesser_of_the_tokens_and_the_members(
        self, database: Database, credentials: Credentials, shop: Shop, of_member: MemberRole, of_token: MemberRole
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        member = await self.a_member(database, shop, account, of_member)
        token = await a_token(credentials, backend, account, member_id=member, role=of_token)
        principal = await credentials.authenticate(token)
        assert principal is not None
        assert principal.member_id == member
        assert principal.role is not None
        weight = [MemberRole.VIEWER, MemberRole.MEMBER, MemberRole.ADMIN].index
        assert weight(principal.role) == min(weight(of_member), weight(of_token))
        assert principal.may(Scope.ADMINISTER) == (of_member is of_token is MemberRole.ADMIN)
        assert principal.members_seen.everyone == (of_member is of_token is MemberRole.ADMIN)

    async def test_it_follows_the_member_within_five_seconds(
        self, database: Database, credentials: Credentials, clock: Clock, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        member = await self.a_member(database, shop, account, MemberRole.ADMIN)
        token = await a_token(credentials, backend, account, member_id=member, role=MemberRole.ADMIN)
        await credentials.authenticate(token)
        async with database.administration() as connection:
            await connection.execute("UPDATE member SET role = 'VIEWER'")
        clock.seconds += ENDS_WITHIN_SECONDS
        principal = await credentials.authenticate(token)
        assert principal is not None
        assert principal.role is MemberRole.VIEWER
        async with database.administration() as connection:
            await connection.execute("UPDATE member SET active = false, removed_at = now()")
        clock.seconds += ENDS_WITHIN_SECONDS
        assert await credentials.authenticate(token) is None

    @pytest.mark.parametrize("at_once", [False, True])
    async def test_a_removal_ends_those_from_before_it_for_good(
        self, credentials: Credentials, elsewhere: Credentials, clock: Clock, shop: Shop, at_once: bool
    ) -> None:
        """By the real clock: that of the tenant is far ahead. Another process has the member in mind, as it was."""
        await shop.clock.advance(shop.tenant_id, TEST_CLOCK_SECONDS)
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        ann, ben = [await take_in(shop, account, name) for name in ("ann", "ben")]
        old = await a_token(credentials, backend, account, member_id=ann, role=MemberRole.ADMIN)
        bens = await a_token(credentials, backend, account, member_id=ben)
        everyones = await a_token(credentials, backend, account)
        processes = (credentials, elsewhere)
        for process in processes:
            assert await process.authenticate(old) is not None

        back = NewMember("ann", "Ann", MemberRole.ADMIN)
        if at_once:
            await change(shop, account, GoneMember(ann), back)
        else:
            await change(shop, account, GoneMember(ann))
            clock.seconds += ENDS_WITHIN_SECONDS
            assert await elsewhere.authenticate(old) is None
            await change(shop, account, back)
        new = await a_token(credentials, backend, account, member_id=ann, role=MemberRole.ADMIN)

        for process in processes:
            principal = await process.authenticate(new)
            assert principal is not None
            assert (principal.member_id, principal.role) == (ann, MemberRole.ADMIN)
        clock.seconds += ENDS_WITHIN_SECONDS
        for process in processes:
            assert await process.authenticate(old) is None
            for living in (new, bens, everyones):
                assert await process.authenticate(living) is not None

    async def test_one_that_is_made_while_the_member_is_removed_is_not_made(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        ann = await take_in(shop, account, "ann")
        async with database.administration() as connection:
            await connection.execute("UPDATE member SET active = false, removed_at = now()")
            making = asyncio.create_task(credentials.client_tokens.create(backend, account, member_id=ann))
            done, _ = await asyncio.wait({making}, timeout=0.5)
            assert not done
        assert await making == NotFound("member")

    async def test_of_a_member_that_is_not_there_or_of_another_account_there_is_none(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account, other = await a_backend(credentials, shop.tenant_id), await shop.open(), await shop.open("b")
        theirs = await self.a_member(database, shop, other, MemberRole.ADMIN)
        removed = await self.a_member(database, shop, account, MemberRole.ADMIN)
        async with database.administration() as connection:
            await connection.execute(
                "UPDATE member SET active = false, removed_at = now() WHERE member_id = $1", removed
            )
        tokens = credentials.client_tokens
        for member_id in (theirs, removed, uuid4()):
            assert await tokens.create(backend, account, member_id=member_id) == NotFound("member")
        for member_id in (theirs, uuid4()):
            assert await tokens.revoke(backend, account, member_id=member_id) == NotFound("member")
        assert await tokens.revoke(backend, account, member_id=removed) is None

    async def test_a_members_tokens_are_revoked_alone_and_with_the_accounts(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        ann = await self.a_member(database, shop, account, MemberRole.MEMBER)
        ben = await self.a_member(database, shop, account, MemberRole.MEMBER)
        anns, bens = [await a_token(credentials, backend, account, member_id=member) for member in (ann, ben)]
        everyones = await a_token(credentials, backend, account)

        async def alive() -> list[bool]:
            return [await credentials.authenticate(token) is not None for token in (anns, bens, everyones)]

        assert await alive() == [True, True, True]
        await credentials.client_tokens.revoke(backend, account, member_id=ann)
        assert await alive() == [False, True, True]
        await credentials.client_tokens.revoke(backend, account)
        assert await alive() == [False, False, False]
        fresh = await a_token(credentials, backend, account, member_id=ann)
        assert await credentials.authenticate(fresh) is not None


class TestForgery:
    async def claims(self, backend: Principal, account_id: UUID, **changes: object) -> ClientToken:
        assert backend.key_id is not None
        assert backend.tenant_id is not None
        now = datetime.now(UTC)
        facts: dict[str, object] = {
            "key_id": backend.key_id,
            "tenant_id": backend.tenant_id,
            "account_id": account_id,
            "member_id": None,
            "role": MemberRole.ADMIN,
            "issued_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        return ClientToken(**facts | changes)

    async def test_another_tenants_secret_signs_nothing_of_this_one(
        self, database: Database, credentials: Credentials, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        genuine = await a_token(credentials, backend, account)
        async with open_shop(database, (await a_tenant()).id) as other:
            stranger, theirs = await a_backend(credentials, other.tenant_id), await other.open()
        await a_token(credentials, stranger, theirs)
        strange = await signing_secret(database, stranger.tenant_id or uuid4())
        attempts = [
            await self.claims(backend, account),
            # With a key of their own, for an account that is not.
            await self.claims(backend, account, key_id=stranger.key_id),
            await self.claims(stranger, account),
        ]
        for claims in attempts:
            assert await credentials.authenticate(signed_token(claims, TenantMode.TEST, strange)) is None
        assert await credentials.authenticate(genuine) is not None

    async def test_an_account_that_never_was_opens_nothing_although_it_is_signed(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        await a_token(credentials, backend, account)
        claims = await self.claims(backend, uuid4())
        secret = await signing_secret(database, shop.tenant_id)
        assert await credentials.authenticate(signed_token(claims, TenantMode.TEST, secret)) is None

    async def test_a_partner_key_makes_no_tokens(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        partner = await a_backend(credentials, shop.tenant_id, kind=ApiKeyKind.PARTNER)
        await a_token(credentials, backend, account)
        assert await credentials.client_tokens.create(partner, account) == NotFound("key")
        claims = await self.claims(partner, account)
        secret = await signing_secret(database, shop.tenant_id)
        assert await credentials.authenticate(signed_token(claims, TenantMode.TEST, secret)) is None

    async def test_a_forged_token_reads_its_keys_row_and_no_more(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        assert await credentials.authenticate(await a_token(credentials, backend, account)) is not None
        await database.close()
        for _ in range(3):
            claims = await self.claims(backend, uuid4())
            assert await credentials.authenticate(signed_token(claims, TenantMode.TEST, bytes(32))) is None

    @pytest.mark.parametrize("more", ["\x00", "é", "\ud800", "A" * 1_000_000, "\n"], ids=range(5))
    async def test_what_is_no_token_is_nobody(self, credentials: Credentials, shop: Shop, more: str) -> None:
        token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        assert await credentials.authenticate(token + more) is None
        assert await credentials.authenticate(more + token) is None


class TestItsSecret:
    async def test_a_tenant_has_one_however_many_begin_at_once(
        self, database: Database, credentials: Credentials, elsewhere: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        tokens = await asyncio.gather(
            *(a_token(process, backend, account) for process in (credentials, elsewhere) for _ in range(4))
        )
        for token in tokens:
            assert await credentials.authenticate(token) is not None

    async def test_no_request_of_a_tenant_can_read_it(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.tenant(shop.tenant_id) as connection:
                await connection.fetch("SELECT secret FROM signing_secret")

    async def test_nobody_changes_it(self, database: Database, credentials: Credentials, shop: Shop) -> None:
        await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.administration() as connection:
                await connection.execute("UPDATE signing_secret SET created_at = now()")

    async def test_neither_logs_nor_representations_have_it_or_the_token(
        self, database: Database, credentials: Credentials, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        with caplog.at_level(logging.DEBUG):
            created = await credentials.client_tokens.create(backend, account)
            assert isinstance(created, CreatedClientToken)
            principal = await credentials.authenticate(created.token)
            await credentials.client_tokens.revoke(backend, account)
        secret = await signing_secret(database, shop.tenant_id)
        tokens = credentials.client_tokens
        kept = [repr(kept.value) for kept in tokens._issuers._values.values()]
        for text in (repr(created), repr(principal), str(vars(tokens)), *kept, caplog.text):
            assert created.token not in text
            assert repr(secret)[2:-1] not in text


class TestLastUse:
    async def test_uses_of_tokens_are_told_apart_from_uses_of_their_key(
        self, database: Database, credentials: Credentials, shop: Shop
    ) -> None:
        backend, account = await a_backend(credentials, shop.tenant_id), await shop.open()
        await credentials.record_uses()
        token = await a_token(credentials, backend, account)
        # So long ago that another use would be written.
        async with database.administration():
            await ApiKey.filter(id=backend.key_id).update(last_used_at=datetime.now(UTC) - timedelta(minutes=2))
        before = await self.stored(database, backend)
        assert await credentials.authenticate(token) is not None
        await credentials.record_uses()
        after = await self.stored(database, backend)
        assert before.tokens_last_used_at is None
        assert after.tokens_last_used_at is not None
        assert after.last_used_at == before.last_used_at

    async def stored(self, database: Database, backend: Principal) -> ApiKey:
        async with database.administration():
            return await ApiKey.get(id=backend.key_id)


async def test_a_tenant_that_was_renamed_is_shown_so(database: Database, credentials: Credentials, shop: Shop) -> None:
    token = await a_token(credentials, await a_backend(credentials, shop.tenant_id), await shop.open())
    async with database.administration():
        await Tenant.filter(id=shop.tenant_id).update(name="Renamed")
    principal = await Credentials(database, root_key="the root key").authenticate(token)
    assert principal is not None
    assert principal.tenant_name == "Renamed"
