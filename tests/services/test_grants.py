"""Tokens that a tenant gives its accounts and takes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.database import Database
from rules.ledger.grants import months_after
from rules.ledger.kinds import GrantEnd, GrantSource
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens, NotFound
from rules.ledger.requests import RevokeGrantRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from services.grants import PRIORITY_MAX
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import granted, held, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def test_granted_tokens_can_be_spent(database: Database, shop: Shop) -> None:
    account = await shop.open()

    effect = granted(await shop.grants.grant_tokens(shop.grant_request(account, "g", 30, note="for the film")))

    assert (effect.grant.granted, effect.grant.note) == (30 * MICROS, "for the film")
    assert effect.balance.available == 80 * MICROS
    assert held(await shop.fares.charge(shop.reserve_request(account, "c", a_line(count=10)))).amount == 80 * MICROS
    assert await contradictions(database) == []


async def test_a_grant_repeated_fifty_times_is_one(database: Database, shop: Shop) -> None:
    account = await shop.open()
    request = shop.grant_request(account, "g", 30)
    async with open_shop(database, shop.tenant_id) as elsewhere:
        outcomes = await asyncio.gather(*([shop, elsewhere][i % 2].grants.grant_tokens(request) for i in range(50)))

    assert sorted(granted(outcome).replayed for outcome in outcomes) == [False] + [True] * 49
    assert len({granted(outcome).grant.grant_id for outcome in outcomes}) == 1
    assert await value_of(database, "SELECT count(*) FROM token_grant WHERE source = 'BONUS'") == 1


async def test_another_input_under_a_known_key_is_a_conflict(shop: Shop) -> None:
    account = await shop.open()
    first = shop.grant_request(account, "g", 30)
    granted(await shop.grants.grant_tokens(first))
    changes: list[dict[str, Any]] = [
        {"amount": 1},
        {"source": GrantSource.PROMO},
        {"priority": 51},
        {"expires_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"note": "another"},
    ]

    for change in changes:
        assert await shop.grants.grant_tokens(replace(first, **change)) == IdempotencyConflict("g")


async def test_it_expires_as_the_book_says_of_its_source(shop: Shop) -> None:
    account = await shop.open()
    ends = {}
    for source in (GrantSource.BONUS, GrantSource.PURCHASE):
        effect = granted(await shop.grants.grant_tokens(shop.grant_request(account, source, 1, source=source)))
        assert effect.grant.expires_at is not None
        ends[source] = (effect.grant.created_at, effect.grant.expires_at)

    assert ends[GrantSource.BONUS][1] == months_after(ends[GrantSource.BONUS][0], 1)
    assert ends[GrantSource.PURCHASE][1] == months_after(ends[GrantSource.PURCHASE][0], 12)


async def test_it_never_expires_where_that_is_asked_for_whatever_the_policy(shop: Shop) -> None:
    account = await shop.open()
    request = replace(shop.grant_request(account, "g", 1), never_expires=True)

    assert granted(await shop.grants.grant_tokens(request)).grant.expires_at is None
    assert granted(await shop.grants.grant_tokens(request)).replayed
    assert await shop.grants.grant_tokens(replace(request, never_expires=False)) == IdempotencyConflict("g")


async def test_an_instant_of_ones_own_goes_before_the_policy_and_must_lie_ahead(shop: Shop) -> None:
    account = await shop.open()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    effect = granted(await shop.grants.grant_tokens(shop.grant_request(account, "g", 1, expires_at=tomorrow)))
    assert effect.grant.expires_at == tomorrow

    await shop.clock.advance(shop.tenant_id, 86_400)
    late = await shop.grants.grant_tokens(shop.grant_request(account, "late", 1, expires_at=tomorrow))
    assert isinstance(late, InvalidInput)
    assert late.field == "expiresAt"
    assert granted(await shop.grants.grant_tokens(shop.grant_request(account, "g", 1, expires_at=tomorrow))).replayed


async def test_bad_input_is_refused_with_the_name_of_its_field(database: Database, shop: Shop) -> None:
    account = await shop.open()
    cases: list[tuple[str, dict[str, Any]]] = [
        *[("amount", {"amount": amount}) for amount in (0, -1, -(2**63), MAX_MICROS + 1, 2**63, 2**64)],
        *[("priority", {"priority": priority}) for priority in (-1, PRIORITY_MAX + 1, 2**31, 2**63)],
        *[("note", {"note": note}) for note in ("\x00", "\ud800", "n" * 2_001)],
        *[("source", {"source": GrantSource(source)}) for source in ("ASSIGNMENT", "TRANSFER", "AUTO_TOP_UP")],
        *[("idempotencyKey", {"key": key}) for key in ("", "k" * 256, "\x00", "\udfff")],
        ("expiresAt", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ]

    for field, change in cases:
        outcome = await shop.grants.grant_tokens(replace(shop.grant_request(account, "g"), **change))
        assert isinstance(outcome, InvalidInput), (field, change, outcome)
        assert outcome.field == field
    assert await value_of(database, "SELECT count(*) FROM token_grant") == 1


async def test_an_account_takes_no_more_than_can_be_counted(database: Database, shop: Shop) -> None:
    account = await shop.open()
    request = replace(shop.grant_request(account, "g"), amount=MAX_MICROS - 50 * MICROS)
    assert granted(await shop.grants.grant_tokens(request)).balance.available == MAX_MICROS

    outcome = await shop.grants.grant_tokens(replace(shop.grant_request(account, "one more"), amount=1))

    assert isinstance(outcome, InvalidInput)
    assert held(await shop.fares.reserve(shop.reserve_request(account, "r", work=MAX_MICROS))).balance.available == 0
    assert await contradictions(database) == []


async def test_what_is_revoked_goes_at_once_and_held_parts_as_they_come_back(database: Database, shop: Shop) -> None:
    account = await shop.open()
    request = shop.grant_request(account, "g", 30, priority=1)
    grant = granted(await shop.grants.grant_tokens(request)).grant.grant_id
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "r", a_line(count=2)))).hold.hold_id

    revoke = RevokeGrantRequest(shop.tenant_id, account, "x", grant)
    revoked = granted(await shop.grants.revoke_grant(revoke))
    assert revoked.grant.ended is GrantEnd.REVOKED
    assert (revoked.balance.total, revoked.balance.available) == (66 * MICROS, 50 * MICROS)
    committed = held(await shop.fares.commit(shop.commit_request(account, "c", hold, a_line())))
    assert (committed.amount, committed.balance.total) == (8 * MICROS, 50 * MICROS)

    assert granted(await shop.grants.revoke_grant(revoke)).replayed
    again = await shop.grants.revoke_grant(RevokeGrantRequest(shop.tenant_id, account, "y", grant))
    assert isinstance(again, InvalidInput)
    assert await contradictions(database) == []


async def test_of_a_revoke_and_fifty_charges_at_once_nothing_is_spent_twice(database: Database, shop: Shop) -> None:
    account = await shop.open()
    grant = granted(await shop.grants.grant_tokens(shop.grant_request(account, "g", 200, priority=1))).grant.grant_id

    outcomes = await asyncio.gather(
        *(shop.fares.charge(shop.reserve_request(account, f"{i}")) for i in range(25)),
        shop.grants.revoke_grant(RevokeGrantRequest(shop.tenant_id, account, "x", grant)),
        *(shop.fares.charge(shop.reserve_request(account, f"{i}")) for i in range(25, 50)),
    )

    spent = sum(
        held(one).amount for one in outcomes if not isinstance(one, InsufficientTokens) and hasattr(one, "hold")
    )
    revoked = await value_of(database, "SELECT revoked FROM token_grant WHERE grant_id = $1", grant)
    assert await value_of(database, "SELECT total FROM ledger_account") == 250 * MICROS - spent - revoked
    assert await contradictions(database) == []


async def test_what_is_not_there_is_not_found(shop: Shop, a_tenant: TenantBuilder) -> None:
    account = await shop.open()
    stranger = (await a_tenant()).id

    assert await shop.grants.grant_tokens(shop.grant_request(shop.tenant_id, "g")) == NotFound("account")
    missing = RevokeGrantRequest(shop.tenant_id, account, "x", 999)
    assert await shop.grants.revoke_grant(missing) == NotFound("grant")
    theirs = RevokeGrantRequest(stranger, account, "x", 1)
    assert await shop.grants.revoke_grant(theirs) == NotFound("account")
