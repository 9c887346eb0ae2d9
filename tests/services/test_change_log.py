"""The change log: every administrative act leaves one line, in its own transaction, for good."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.account import AccountKind
from models.api_key import ApiKeyKind
from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.changes import Change
from rules.credentials import CredentialKind
from rules.identity import IdKind, public_id
from rules.ledger.outcomes import GrantEffect
from rules.ledger.records import Slice
from rules.ledger.requests import RevokeGrantRequest
from rules.ledger.state import UNLIMITED
from rules.pricing.refusals import InvalidInput
from services.accounts import AccountRecord
from services.change_log import ChangeLog, ChangeRecord, change_of, record_change
from services.client_tokens import CreatedClientToken
from services.credentials import CreatedApiKey, Credentials, RotatedApiKey
from services.principal import OPERATOR, Principal
from services.shipped_price_books import ShippedPriceBooks
from services.tenants import CreatedTenant, Tenants
from tests.services.shop import Shop, a_source, open_shop

TenantBuilder = Callable[..., Awaitable[Tenant]]


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as opened:
        yield opened


@pytest.fixture
def credentials(database: Database) -> Credentials:
    return Credentials(database, root_key="the root key")


async def logged(database: Database, tenant_id: UUID, account_id: UUID | None = None) -> list[ChangeRecord]:
    """All changes, oldest first."""
    page = await ChangeLog(database).list(tenant_id, account_id, Slice(100))
    return list(reversed(page.rows))


async def a_backend(credentials: Credentials, tenant_id: UUID) -> tuple[CreatedApiKey, Principal]:
    created = await credentials.create_api_key(OPERATOR, name="backend", tenant_id=tenant_id)
    assert isinstance(created, CreatedApiKey)
    principal = await credentials.authenticate(created.key)
    assert principal is not None
    return created, principal


async def test_what_is_done_to_keys_and_tokens_is_logged_without_any_secret(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    account = await shop.open()
    created, backend = await a_backend(credentials, shop.tenant_id)
    rotated = await credentials.rotate_api_key(backend, created.key_id, overlap_seconds=60)
    token = await credentials.client_tokens.create(backend, account)
    await credentials.client_tokens.revoke(backend, account)
    await credentials.revoke_api_key(backend, created.key_id)
    await credentials.revoke_api_key(backend, created.key_id)
    assert isinstance(rotated, RotatedApiKey)
    assert isinstance(token, CreatedClientToken)

    before = {"publishPriceBook", "createAccount"}
    lines = [line for line in await logged(database, shop.tenant_id) if line.act not in before]

    key = public_id(IdKind.API_KEY, created.key_id)
    assert [(line.act, line.subject, line.account_id) for line in lines] == [
        ("createApiKey", key, None),
        ("rotateApiKey", key, None),
        ("createClientToken", public_id(IdKind.ACCOUNT, account), account),
        ("revokeClientTokens", public_id(IdKind.ACCOUNT, account), account),
        ("revokeApiKey", key, None),
    ]
    assert {(line.actor, line.key_id) for line in lines[1:]} == {(CredentialKind.SECRET, created.key_id)}
    assert (lines[0].actor, lines[0].key_id) == (CredentialKind.ROOT, None)
    assert lines[0].detail == {"kind": "SECRET", "name": "backend"}
    assert lines[2].detail["role"] == "MEMBER"
    assert all(abs(line.at - datetime.now(UTC)) < timedelta(minutes=1) for line in lines)
    for secret in (created.key, rotated.created.key, token.token):
        assert secret[30:] not in repr(lines)


async def test_a_partner_keys_line_is_its_accounts(database: Database, credentials: Credentials, shop: Shop) -> None:
    account = await shop.open()
    _, backend = await a_backend(credentials, shop.tenant_id)
    await credentials.create_api_key(backend, name="partner", kind=ApiKeyKind.PARTNER, account_id=account)
    line = (await logged(database, shop.tenant_id, account))[-1]
    assert (line.act, line.detail["kind"]) == ("createApiKey", "PARTNER")


async def test_what_is_done_to_an_account_is_logged_when_it_takes_effect_and_once(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    _, backend = await a_backend(credentials, shop.tenant_id)
    for _ in range(2):
        opened = await shop.accounts.create(
            shop.tenant_id, external_id="a", name="Alice", kind=AccountKind.TEAM, time_zone="UTC", by=backend
        )
    assert isinstance(opened, AccountRecord)
    account = opened.account_id
    await shop.accounts.update(shop.tenant_id, account, by=backend)
    await shop.accounts.update(shop.tenant_id, account, time_zone="nowhere", by=backend)
    await shop.accounts.update(shop.tenant_id, account, name="Alicia", frozen=True, credit_limit=UNLIMITED, by=backend)
    for _ in range(2):
        granted = await shop.grants.grant_tokens(shop.grant_request(account, "gift", 5, note="for Alice"), by=backend)
    assert isinstance(granted, GrantEffect)
    await shop.grants.grant_tokens(shop.grant_request(account, "gift", 6), by=backend)
    await shop.grants.grant_tokens(shop.grant_request(account, "nothing", 0), by=backend)
    revocation = RevokeGrantRequest(shop.tenant_id, account, "taken back", granted.grant.grant_id)
    for _ in range(2):
        await shop.grants.revoke_grant(revocation, by=backend)

    lines = await logged(database, shop.tenant_id, account)

    own = public_id(IdKind.ACCOUNT, account)
    assert [(line.act, line.subject, line.detail) for line in lines] == [
        ("createAccount", own, {"kind": "TEAM", "timeZone": "UTC"}),
        ("updateAccount", own, {"creditLimit": "unlimited", "frozen": True, "name": "(changed)"}),
        ("grantTokens", own, {"amount": "5", "source": "BONUS"}),
        ("revokeGrant", public_id(IdKind.GRANT, account, granted.grant.grant_id), {}),
    ]
    assert {(line.actor, line.key_id) for line in lines} == {(CredentialKind.SECRET, backend.key_id)}
    assert "Alic" not in repr(lines)


async def test_the_log_has_one_time_the_tenants(database: Database, credentials: Credentials, shop: Shop) -> None:
    _, backend = await a_backend(credentials, shop.tenant_id)
    await shop.clock.advance(shop.tenant_id, 86_400)
    account = await shop.open()
    await credentials.client_tokens.revoke(backend, account)
    lines = (await logged(database, shop.tenant_id))[-2:]
    assert [line.act for line in lines] == ["createAccount", "revokeClientTokens"]
    for line in lines:
        assert abs(line.at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)


async def test_a_new_tenant_begins_with_its_making(database: Database) -> None:
    made = await Tenants(database, ShippedPriceBooks()).create_tenant(
        slug="acme", name="Acme", mode=TenantMode.TEST, price_book="node-studio"
    )
    assert isinstance(made, CreatedTenant)
    (line,) = await logged(database, made.tenant_id)
    assert (line.actor, line.act, line.subject) == (
        CredentialKind.ROOT,
        "createTenant",
        public_id(IdKind.TENANT, made.tenant_id),
    )
    assert line.detail == {"mode": "TEST", "name": "Acme", "priceBook": "node-studio", "slug": "acme"}
    assert made.secret_key[30:] not in repr(line)


async def test_a_published_price_book_is_logged_and_a_dry_run_is_not(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    created, backend = await a_backend(credentials, shop.tenant_id)
    before = len(await logged(database, shop.tenant_id))
    await shop.publishing.publish(shop.tenant_id, a_source(), by=backend, dry_run=True)
    assert len(await logged(database, shop.tenant_id)) == before
    await shop.publishing.publish(shop.tenant_id, a_source(picture=12), by=backend)
    line = (await logged(database, shop.tenant_id))[-1]
    assert (line.act, line.key_id, line.detail["version"]) == ("publishPriceBook", created.key_id, 2)


async def test_what_was_refused_is_not_logged(database: Database, credentials: Credentials, shop: Shop) -> None:
    created, backend = await a_backend(credentials, shop.tenant_id)
    before = await logged(database, shop.tenant_id)
    assert isinstance(await credentials.create_api_key(backend, name=""), InvalidInput)
    assert isinstance(await credentials.rotate_api_key(backend, created.key_id, overlap_seconds=-1), InvalidInput)
    await credentials.client_tokens.create(backend, uuid4())
    await credentials.client_tokens.revoke(backend, uuid4())
    await credentials.revoke_api_key(backend, uuid4())
    assert await logged(database, shop.tenant_id) == before


async def test_a_line_stands_and_falls_with_its_act(database: Database, shop: Shop) -> None:
    change = change_of(OPERATOR, "anything", None, {})

    async def half_done() -> None:
        async with database.administration() as connection:
            await record_change(connection, shop.tenant_id, change)
            raise LookupError

    before = await logged(database, shop.tenant_id)
    with pytest.raises(LookupError):
        await half_done()
    assert await logged(database, shop.tenant_id) == before


async def test_nobody_changes_a_line_not_even_the_owner(dsn: str, database: Database, shop: Shop) -> None:
    async with database.administration() as connection:
        await record_change(connection, shop.tenant_id, change_of(OPERATOR, "anything"))
    owner = await asyncpg.connect(dsn)
    try:
        for statement in ("UPDATE change_log SET act = 'x'", "DELETE FROM change_log", "TRUNCATE change_log"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await owner.execute(statement)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.administration() as connection:
                    await connection.execute(statement)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.tenant(shop.tenant_id) as connection:
                    await connection.execute(statement)
    finally:
        await owner.close()


async def test_a_tenant_sees_its_own_lines_by_the_page_newest_first(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    other = await a_tenant()
    async with database.administration() as connection:
        for number in range(5):
            await record_change(connection, shop.tenant_id, change_of(OPERATOR, f"act {number}"))
            await record_change(connection, other.id, change_of(OPERATOR, "theirs"))
    log = ChangeLog(database)
    first = await log.list(shop.tenant_id, None, Slice(3))
    second = await log.list(shop.tenant_id, None, Slice(3, first.rows[-1].change_id))
    acts = [line.act for line in (*first.rows, *second.rows)]
    assert acts == ["act 4", "act 3", "act 2", "act 1", "act 0", "publishPriceBook"]
    assert (first.has_more, second.has_more) == (True, False)
    assert await log.count(shop.tenant_id, None) == 6
    assert await log.count(shop.tenant_id, uuid4()) == 0


async def test_a_client_is_logged_with_the_key_that_its_token_was_made_with() -> None:
    key_id, member_id = uuid4(), uuid4()
    client = Principal(CredentialKind.CLIENT, (), key_id=key_id, member_id=member_id)
    assert change_of(client, "setLimit", "subject", {"limit": 5, "none": None}) == Change(
        CredentialKind.CLIENT, "setLimit", key_id, member_id, "subject", '{"limit": 5}'
    )
