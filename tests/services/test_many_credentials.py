"""Many credentials that are looked at again together, as a process does for all who watch something by one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.api_key import ApiKeyKind
from models.database import Database
from models.tenant import TenantMode
from models.unavailable import DatabaseUnavailable
from rules.ledger.kinds import MemberRole
from rules.ledger.requests import GoneMember
from services.client_token import ClientToken, signed_token
from services.credentials import CreatedApiKey, Credentials
from services.principal import OPERATOR, Principal
from tests.faults.proxy import Proxy
from tests.services.shop import Shop
from tests.services.test_client_tokens import Clock, a_backend, a_token, change, signing_secret
from tests.services.test_client_tokens import clock as clock
from tests.services.test_client_tokens import credentials as credentials
from tests.services.test_client_tokens import shop as shop

MANY = 1_000
STATEMENTS_MAX = 10
"""For as many as there are: BEGIN and ROLLBACK included, and what the pool says between."""


@dataclass(frozen=True)
class Crowd:
    """Many members of one account, each with a token of its own."""

    account_id: UUID
    backend: Principal
    members: list[UUID]
    tokens: list[str]


async def a_crowd(database: Database, credentials: Credentials, shop: Shop, size: int) -> Crowd:
    account_id, backend = await shop.open(), await a_backend(credentials, shop.tenant_id)
    await a_token(credentials, backend, account_id)
    secret = await signing_secret(database, shop.tenant_id)
    members = [uuid4() for _ in range(size)]
    async with database.administration() as connection:
        await connection.execute(
            "INSERT INTO member (account_id, member_id, tenant_id, external_id, name, role, active, created_at) "
            "SELECT $1, m, $2, m::text, 'M', 'ADMIN', true, now() FROM unnest($3::uuid[]) AS m",
            account_id,
            shop.tenant_id,
            members,
        )
        now = await connection.fetchval("SELECT clock_timestamp()")
    assert backend.key_id is not None
    return Crowd(
        account_id,
        backend,
        members,
        [
            signed_token(
                ClientToken(
                    backend.key_id,
                    shop.tenant_id,
                    account_id,
                    member_id,
                    MemberRole.ADMIN,
                    now,
                    now + timedelta(hours=1),
                ),
                TenantMode.TEST,
                secret,
            )
            for member_id in members
        ],
    )


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement was sent."""
    sent: Counter[str] = Counter()

    def counting(name: str) -> Any:
        send = getattr(asyncpg.Connection, name)

        async def counted(self: asyncpg.Connection, query: str, *arguments: Any, **keywords: Any) -> Any:
            sent[query] += 1
            return await send(self, query, *arguments, **keywords)

        return counted

    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, counting(name))
    return sent


async def test_a_thousand_tokens_cost_as_few_statements_as_one(
    database: Database, credentials: Credentials, shop: Shop, statements: Counter[str]
) -> None:
    crowd = await a_crowd(database, credentials, shop, MANY)
    one = await credentials.authenticate(crowd.tokens[0])
    statements.clear()
    alone = await credentials.authenticate_many(crowd.tokens[:1])
    of_one = statements.total()
    statements.clear()
    principals = await credentials.authenticate_many(crowd.tokens)

    assert statements.total() == of_one <= STATEMENTS_MAX
    assert alone == [one]
    assert [principal.member_id for principal in principals if principal is not None] == crowd.members


async def test_others_have_their_turn_meanwhile(database: Database, credentials: Credentials, shop: Shop) -> None:
    crowd = await a_crowd(database, credentials, shop, MANY)
    looking = asyncio.create_task(credentials.authenticate_many(crowd.tokens))
    turns = 0
    while not looking.done():
        await asyncio.sleep(0)
        turns += 1
    assert None not in await looking
    assert turns > MANY / 50


async def test_of_many_only_what_has_ended_or_changed_is_found_so_at_once(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    """Though this process has all of them in mind as they were."""
    crowd = await a_crowd(database, credentials, shop, 60)
    other_account = await shop.open("other")
    other_backend = await a_backend(credentials, shop.tenant_id)
    of_account = await a_token(credentials, crowd.backend, other_account)
    of_other_key = await a_token(credentials, other_backend, crowd.account_id)
    keys = [
        await credentials.create_api_key(OPERATOR, name="k", tenant_id=shop.tenant_id, kind=kind) for kind in ApiKeyKind
    ]
    secret, partner = [key for key in keys if isinstance(key, CreatedApiKey)]
    asked = [*crowd.tokens, of_account, of_other_key, secret.key, partner.key, "the root key"]
    before = [await credentials.authenticate(key) for key in asked]
    assert None not in before
    assert await credentials.authenticate_many(asked) == before

    # By other processes, so that nothing here is told.
    elsewhere = Credentials(database, root_key="the root key")
    removed, revoked, demoted = crowd.members[7], crowd.members[23], crowd.members[41]
    await change(shop, crowd.account_id, GoneMember(removed))
    assert await elsewhere.client_tokens.revoke(crowd.backend, crowd.account_id, member_id=revoked) is None
    assert await elsewhere.client_tokens.revoke(crowd.backend, other_account) is None
    assert other_backend.key_id is not None
    await elsewhere.revoke_api_key(OPERATOR, other_backend.key_id)
    await elsewhere.revoke_api_key(OPERATOR, partner.key_id)
    async with database.administration() as connection:
        await connection.execute("UPDATE member SET role = 'VIEWER' WHERE member_id = $1", demoted)

    assert await credentials.authenticate(of_account) is not None, "no longer in mind, so this shows nothing"
    after = dict(zip(asked, await credentials.authenticate_many(asked), strict=True))
    ended = {crowd.tokens[7], crowd.tokens[23], of_account, of_other_key, partner.key}
    assert {key for key, principal in after.items() if principal is None} == ended
    now_viewer = after[crowd.tokens[41]]
    assert now_viewer is not None
    assert now_viewer.role is MemberRole.VIEWER
    spared = {key: was for key, was in zip(asked, before, strict=True) if key not in {*ended, crowd.tokens[41]}}
    assert {key: after[key] for key in spared} == spared


async def test_a_secret_that_is_rotated_away_ends_all_that_was_signed_with_it(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    crowd = await a_crowd(database, credentials, shop, 20)
    assert None not in await credentials.authenticate_many(crowd.tokens)
    owner = await asyncpg.connect(database.dsn)
    try:
        await owner.execute("UPDATE signing_secret SET secret = $1 WHERE tenant_id = $2", bytes(32), shop.tenant_id)
    finally:
        await owner.close()

    assert await credentials.authenticate_many(crowd.tokens) == [None] * 20


async def test_what_is_no_credential_is_nobodys_whatever_it_stands_beside(
    database: Database, credentials: Credentials, shop: Shop
) -> None:
    crowd = await a_crowd(database, credentials, shop, 3)
    genuine = crowd.tokens[1]
    noise = ["", "x" * 20_000, "fbx_client_test_.", "fbx_secret_test_" + "a" * 50, genuine[:-1] + "!", genuine + "a"]
    asked = [*noise, genuine, *noise, genuine]
    principals = await credentials.authenticate_many(asked)

    assert principals[: len(noise)] == principals[len(noise) + 1 : -1] == [None] * len(noise)
    assert principals[len(noise)] == principals[-1] == await credentials.authenticate(genuine)
    assert await credentials.authenticate_many([]) == []


async def test_an_outage_is_told_and_time_goes_on_without_the_database(
    database: Database, dsn: str, shop: Shop, clock: Clock
) -> None:
    async with Proxy(dsn) as proxy, await Database.open(proxy.dsn) as far:
        credentials = Credentials(far, root_key="the root key", monotonic=clock)
        crowd = await a_crowd(database, credentials, shop, 5)
        in_a_minute = datetime.now(UTC) + timedelta(minutes=1)
        assert not credentials.is_past(in_a_minute)
        assert None not in await credentials.authenticate_many(crowd.tokens)
        proxy.refuse()
        with pytest.raises(DatabaseUnavailable):
            await credentials.authenticate_many(crowd.tokens)
        assert not credentials.is_past(in_a_minute)
        clock.seconds += 61
        assert credentials.is_past(in_a_minute)
        await proxy.listen()
        assert None not in await credentials.authenticate_many(crowd.tokens)
