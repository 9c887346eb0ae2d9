"""Test clocks: time moves, and everything due on the way happens in its order, at its instant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from models.database import Database
from models.tenant import TenantMode
from rules.ledger.grants import months_after
from rules.ledger.outcomes import HoldEffect
from rules.ledger.refusals import InsufficientTokens
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services import tenant_clock
from services.ledger.sweeper import ensure_journal_months
from services.tenant_clock import ADVANCE_SECONDS_MAX
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import granted, held, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_line, open_shop

DAY_SECONDS = 86_400


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def test_it_gives_the_tenants_new_time(shop: Shop) -> None:
    before = datetime.now(UTC)
    now = await shop.clock.advance(shop.tenant_id, 10 * DAY_SECONDS)

    assert not isinstance(now, InvalidInput)
    assert timedelta(0) <= now - before - timedelta(days=10) < timedelta(minutes=1)


async def test_a_live_tenant_has_no_clock_to_move(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant(mode=TenantMode.LIVE)
    async with open_shop(database, tenant.id) as shop:
        outcome = await shop.clock.advance(tenant.id, 60)

    assert isinstance(outcome, InvalidInput)
    assert await value_of(database, "SELECT clock_offset_micros FROM tenant") == 0


async def test_it_moves_forward_only_and_within_bounds(database: Database, shop: Shop) -> None:
    for seconds in (0, -1, ADVANCE_SECONDS_MAX + 1, 2**31, 2**63):
        outcome = await shop.clock.advance(shop.tenant_id, seconds)
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == "seconds"
    assert await value_of(database, "SELECT clock_offset_micros FROM tenant") == 0


async def test_it_ends_somewhere(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_clock, "AHEAD_SECONDS_MAX", 3 * DAY_SECONDS)

    for _ in range(3):
        assert not isinstance(await shop.clock.advance(shop.tenant_id, DAY_SECONDS), InvalidInput)
    assert isinstance(await shop.clock.advance(shop.tenant_id, DAY_SECONDS), InvalidInput)


async def test_over_twelve_months_grants_and_holds_fall_due_in_order_each_at_its_instant(
    database: Database, shop: Shop
) -> None:
    account = await shop.open()
    now = datetime.now(UTC)
    ends = [months_after(now, month) - timedelta(minutes=month) for month in range(1, 13)]
    Random(1).shuffle(ends)
    for number, end in enumerate(ends):
        granted(await shop.grants.grant_tokens(shop.grant_request(account, f"{number}", 10, expires_at=end)))
    for number in range(6):
        request = shop.reserve_request(account, f"{number}", ttl_seconds=60 + 7_000 * number)
        held(await shop.fares.reserve(request))

    await shop.clock.advance(shop.tenant_id, ADVANCE_SECONDS_MAX)

    balance = await shop.reads.balance(shop.tenant_id, account)
    assert balance is not None
    assert (balance.total, balance.held) == (0, 0)
    entries = await rows_of(
        database,
        "SELECT e.kind, e.at, coalesce(h.expires_at, g.expires_at) AS due FROM entry e "
        "LEFT JOIN hold h ON h.account_id = e.account_id AND h.hold_id = e.hold_id "
        "LEFT JOIN token_grant g ON g.account_id = e.account_id AND g.grant_id = e.grant_id AND e.hold_id IS NULL "
        "WHERE e.kind IN ('RELEASE', 'EXPIRY') ORDER BY e.version",
    )
    assert [entry["kind"] for entry in entries].count("RELEASE") == 6
    assert [entry["kind"] for entry in entries].count("EXPIRY") == 13
    assert all(entry["at"] == entry["due"] for entry in entries)
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert await contradictions(database) == []


async def test_tokens_held_beyond_their_expiry_live_on_for_the_grace_and_then_end(
    database: Database, shop: Shop
) -> None:
    account = await shop.open()
    tomorrow = datetime.now(UTC) + timedelta(hours=12)
    request = shop.grant_request(account, "g", 8, priority=1, expires_at=tomorrow)
    granted(await shop.grants.grant_tokens(request))
    held(await shop.fares.reserve(shop.reserve_request(account, "r", ttl_seconds=DAY_SECONDS)))

    await shop.clock.advance(shop.tenant_id, DAY_SECONDS + 60)
    back = await shop.reads.balance(shop.tenant_id, account)
    assert back is not None
    assert (back.available, back.expiring_amount) == (58 * MICROS, 8 * MICROS)
    await shop.clock.advance(shop.tenant_id, 7 * DAY_SECONDS)
    gone = await shop.reads.balance(shop.tenant_id, account)
    assert gone is not None
    assert gone.available == 50 * MICROS
    assert await contradictions(database) == []


async def test_step_by_step_or_at_once_the_journal_is_the_same(database: Database, shop: Shop) -> None:
    accounts = [await shop.open(name) for name in ("one", "two")]
    journals = []
    for account, steps in zip(accounts, (1, 45), strict=True):
        start = await value_of(
            database, "SELECT clock_timestamp() + clock_offset_micros * interval '1 microsecond' FROM tenant"
        )
        for number in range(5):
            end = start + timedelta(days=3 + 7 * number)
            granted(await shop.grants.grant_tokens(shop.grant_request(account, f"{number}", 8, expires_at=end)))
            ttl = DAY_SECONDS - 100 * number
            held(await shop.fares.reserve(shop.reserve_request(account, f"{number}", ttl_seconds=ttl)))
        for _ in range(steps):
            await shop.clock.advance(shop.tenant_id, 45 * DAY_SECONDS // steps)
        journals.append(
            [
                (row["kind"], row["total_change"], row["held_change"], row["available_after"])
                for row in await rows_of(
                    database, "SELECT * FROM entry WHERE account_id = $1 ORDER BY version", account
                )
            ]
        )

    assert journals[0] == journals[1]
    assert await contradictions(database) == []


async def test_it_moves_under_load_and_harms_nobody(database: Database, shop: Shop) -> None:
    accounts = [await shop.open(f"passenger {number}", tokens=100_000) for number in range(4)]
    done = asyncio.Event()
    charged = 0

    async def ride(caller: int) -> None:
        nonlocal charged
        number = 0
        while not done.is_set():
            number += 1
            request = shop.reserve_request(accounts[number % 4], f"{caller}-{number}", a_line())
            outcome = await shop.fares.charge(request)
            if not isinstance(outcome, InsufficientTokens):
                charged += held(outcome).amount

    riders = [asyncio.create_task(ride(caller)) for caller in range(8)]
    for _ in range(8):
        assert not isinstance(await shop.clock.advance(shop.tenant_id, 31 * DAY_SECONDS), InvalidInput)
    done.set()
    await asyncio.gather(*riders)

    assert charged > 0
    assert await value_of(database, "SELECT sum(spent) FROM entry") == charged
    assert await contradictions(database) == []


async def test_a_later_book_is_in_force_when_the_clock_has_reached_it(shop: Shop) -> None:
    account = await shop.open()
    source = (
        'slug = "small"\nname = "Small"\ncurrency = "usd"\n'
        'prices = [{ name = "Upscale", category = "upscale", tokens = 9 }]\n'
    )
    await shop.publishing.publish(shop.tenant_id, source, effective_at=datetime.now(UTC) + timedelta(days=2))

    assert held(await shop.fares.charge(shop.reserve_request(account, "1"))).amount == 8 * MICROS
    await shop.clock.advance(shop.tenant_id, 2 * DAY_SECONDS)
    assert held(await shop.fares.charge(shop.reserve_request(account, "2"))).amount == 9 * MICROS


async def test_another_tenants_time_stays(shop: Shop, database: Database, a_tenant: TenantBuilder) -> None:
    async with open_shop(database, (await a_tenant()).id) as other:
        account = await other.open()
        hold = held(await other.fares.reserve(other.reserve_request(account, "r", ttl_seconds=60))).hold
        await shop.clock.advance(shop.tenant_id, DAY_SECONDS)

        assert held(await other.fares.commit(other.commit_request(account, "c", hold.hold_id))).amount == 8 * MICROS


async def test_a_clock_that_is_ahead_finds_its_months_however_long_it_waits(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=10)
    assert not isinstance(await shop.clock.advance(shop.tenant_id, 86_400), InvalidInput)
    async with database.administration() as connection:
        # As if four months had gone by since, with nobody moving the clock.
        await connection.execute(
            "UPDATE tenant SET clock_offset_micros = clock_offset_micros + 125 * 86400000000 WHERE id = $1",
            shop.tenant_id,
        )
    await ensure_journal_months(database)
    reserved = await shop.fares.reserve(shop.reserve_request(account, "later", work=1_000_000))
    assert isinstance(reserved, HoldEffect), reserved


async def test_the_months_on_the_way_are_there_before_anybody_sees_the_new_time(
    database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever settles something due in between finds no partition for its entry."""
    offsets: list[int] = []

    async def watched(database: Database, *, ahead_seconds: int = 0) -> None:
        await ensure_journal_months(database, ahead_seconds=ahead_seconds)
        offsets.append(await value_of(database, "SELECT clock_offset_micros FROM tenant"))

    monkeypatch.setattr(tenant_clock, "ensure_journal_months", watched)
    now = await shop.clock.advance(shop.tenant_id, ADVANCE_SECONDS_MAX)

    assert isinstance(now, datetime)
    assert offsets == [0]
    assert await value_of(database, f"SELECT to_regclass('entry_{now + timedelta(days=60):%Y_%m}') IS NOT NULL")
