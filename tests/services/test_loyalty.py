"""Loyalty: what spending earns, once, by whichever clock and whoever reviews."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from models.database import Database
from models.statements import statement
from rules.ledger.requests import RefundRequest
from rules.pricing.tokens import MICROS
from services import loyalty as module
from services.ledger.sweeper import Sweeper
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.services.ledger.cashier import held, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_source, open_shop

DAY_SECONDS = 86_400
NOW = "SELECT clock_timestamp() + clock_offset_micros * interval '1 microsecond' AS now FROM tenant WHERE id = $1"
RULES = """
[[policies.loyalty]]
spent = 100
within_days = 7
tokens = 5
expires_months = 2
[[policies.loyalty]]
spent = 300
within_days = 30
tokens = 20
"""


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_source(more=RULES))
        yield shop


async def spent(shop: Shop, account: UUID, tokens: int, key: str) -> int:
    request = shop.reserve_request(account, key, work=tokens * MICROS)
    return held(await shop.fares.charge(request)).hold.hold_id


async def rewards(database: Database) -> list[int]:
    rows = await rows_of(
        database, "SELECT granted FROM token_grant WHERE source = 'LOYALTY' ORDER BY account_id, grant_id"
    )
    return [row["granted"] // MICROS for row in rows]


async def refs(database: Database) -> list[str]:
    """What was rewarded, the oldest first."""
    rows = await rows_of(database, "SELECT source_ref FROM token_grant WHERE source = 'LOYALTY' ORDER BY grant_id")
    return [row["source_ref"] for row in rows]


def at_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


async def reviewed(shop: Shop) -> int:
    return await shop.loyalty.review_tenant(shop.tenant_id)


async def test_enough_spent_within_the_days_earns_the_rules_tokens_once(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 99, "1")
    assert await reviewed(shop) == 0
    await spent(shop, account, 1, "2")
    assert [await reviewed(shop) for _ in range(3)] == [1, 0, 0]
    await spent(shop, account, 150, "3")
    assert await reviewed(shop) == 0

    assert await rewards(database) == [5]
    assert await contradictions(database) == []


async def test_what_it_gives_ends_as_the_rule_says_else_as_the_book_says(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 300, "1")
    assert await reviewed(shop) == 2
    ends = await rows_of(
        database,
        "SELECT granted, expires_at - created_at AS life FROM token_grant WHERE source = 'LOYALTY' ORDER BY granted",
    )
    assert [row["life"] // timedelta(days=50) for row in ends] == [1, 7]


async def test_what_was_refunded_does_not_count(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    hold = await spent(shop, account, 120, "1")
    held(await shop.fares.refund(RefundRequest(shop.tenant_id, account, "r", hold, 30 * MICROS)))
    assert await reviewed(shop) == 0
    await spent(shop, account, 10, "2")
    assert await reviewed(shop) == 1


async def test_any_number_of_reviewers_give_it_once(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 300, "1")
    since = datetime.now(UTC).date()
    async with open_shop(database, shop.tenant_id) as elsewhere:
        given = await asyncio.gather(
            *([shop, elsewhere][n % 2].loyalty.review(shop.tenant_id, account, since) for n in range(8)),
            reviewed(shop),
            reviewed(elsewhere),
        )
    assert sum(given) == 2
    assert sorted(await rewards(database)) == [5, 20]


async def test_the_next_period_earns_anew_and_a_test_clock_reaches_it(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    for week in range(4):
        await spent(shop, account, 100, f"{week}")
        await shop.clock.advance(shop.tenant_id, 7 * DAY_SECONDS)
    assert sorted(await rewards(database)) == [5, 5, 5, 5, 20]
    granted_at = await rows_of(
        database, "SELECT created_at FROM token_grant WHERE source = 'LOYALTY' ORDER BY created_at LIMIT 1"
    )
    assert granted_at[0]["created_at"] < datetime.now(UTC) + timedelta(days=1), "earned before the clock moved"


async def test_spending_that_nobody_reviewed_in_time_earns_in_its_own_period(database: Database, shop: Shop) -> None:
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 100, "1")
    async with database.administration() as connection:
        await connection.execute(
            "UPDATE tenant SET clock_offset_micros = clock_offset_micros + $2 WHERE id = $1",
            shop.tenant_id,
            10 * DAY_SECONDS * 1_000_000,
        )
    await spent(shop, account, 99, "2")
    assert await reviewed(shop) == 1
    assert await rewards(database) == [5]


async def opened_on(database: Database, account: UUID) -> date:
    opened: datetime = await value_of(database, "SELECT created_at FROM ledger_account WHERE account_id = $1", account)
    return opened.astimezone(UTC).date()


async def go_to(shop: Shop, instant: datetime) -> None:
    """Moves the tenant's clock there; it must not be there yet."""
    async with shop.database.spanning_reader() as connection:
        now = (await connection.fetchrow(NOW, shop.tenant_id))["now"]
    assert instant > now
    moved = await shop.clock.advance(shop.tenant_id, int((instant - now).total_seconds()))
    assert isinstance(moved, datetime)


async def test_days_are_the_accounts_own(database: Database, shop: Shop) -> None:
    """Days begin at the account's midnight: a quarter of an hour apart, in Kiritimati another period has begun."""
    account = await shop.open(tokens=1_000)
    await shop.accounts.update(shop.tenant_id, account, time_zone="Pacific/Kiritimati")
    second_week = at_midnight(await opened_on(database, account) + timedelta(days=7), "Pacific/Kiritimati")
    await go_to(shop, second_week - timedelta(minutes=10))
    await spent(shop, account, 60, "before")
    await go_to(shop, second_week + timedelta(minutes=10))
    await spent(shop, account, 60, "after")
    assert await reviewed(shop) == 0
    await spent(shop, account, 40, "more")
    assert await reviewed(shop) == 1


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York"])
async def test_a_time_zone_that_is_changed_to_and_fro_pays_nothing_twice(
    database: Database, shop: Shop, zone: str
) -> None:
    """By any zone's days of now, what is spent within the hours around two days' end would lie on either side."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    await go_to(shop, datetime.combine(tomorrow, time(5, 30), UTC))
    account = await shop.open(tokens=1_000)
    second_week = datetime.combine(await opened_on(database, account) + timedelta(days=7), time(), UTC)
    await go_to(shop, second_week - timedelta(hours=1))
    await spent(shop, account, 100, "before")
    assert await reviewed(shop) == 1
    await go_to(shop, second_week + timedelta(hours=1))
    for there in (zone, "UTC", zone, "UTC"):
        await shop.accounts.update(shop.tenant_id, account, time_zone=there)
        assert await reviewed(shop) == 0
    await spent(shop, account, 99, "after")
    for there in (zone, "UTC"):
        await shop.accounts.update(shop.tenant_id, account, time_zone=there)
        assert await reviewed(shop) == 0
    await spent(shop, account, 1, "enough")
    for there in (zone, "America/New_York", "Pacific/Kiritimati", "UTC"):
        await shop.accounts.update(shop.tenant_id, account, time_zone=there)
        await reviewed(shop)
    assert await refs(database) == [f"loyalty:{100 * MICROS}/7:0", f"loyalty:{100 * MICROS}/7:1"]
    assert await contradictions(database) == []


async def test_no_spending_is_lost_or_counted_twice_whatever_the_time_zone_was(database: Database, shop: Shop) -> None:
    """Each token is spent on one day, and each day is of one period; what was spent is what the periods have."""
    account = await shop.open(tokens=1_000)
    zones = ["America/New_York", "Pacific/Kiritimati", "UTC", "Pacific/Kiritimati", "America/New_York", "UTC"]
    for number, zone in enumerate(zones):
        await shop.accounts.update(shop.tenant_id, account, time_zone=zone)
        await spent(shop, account, 30, f"{number}")
        if number < 5:
            await shop.clock.advance(shop.tenant_id, 13 * 3_600)
    async with database.spanning_reader() as connection:
        first = await opened_on(database, account)
        rows = await connection.fetch(statement("sum_spending_by_day"), account, first - timedelta(days=1))
    assert sum(row["spent"] for row in rows) == 180 * MICROS
    await reviewed(shop)
    # All of it lies within the first week, of which everything counts, once.
    assert await refs(database) == [f"loyalty:{100 * MICROS}/7:0"]


@pytest.mark.parametrize("broken", [0, 1])
async def test_an_account_that_cannot_be_reviewed_keeps_no_other_from_its_reward(
    database: Database, shop: Shop, broken: int
) -> None:
    accounts = [await shop.open(name, tokens=1_000) for name in ("ann", "ben")]
    for account in accounts:
        await spent(shop, account, 100, "1")
    too_much = "UPDATE usage_day SET charged = charged + $2, refunded = refunded - $2 WHERE account_id = $1"
    async with database.administration() as connection:
        await connection.execute(too_much, accounts[broken], 2**63 - 1 - 100 * MICROS)
    assert [await reviewed(shop) for _ in range(2)] == [1, 0]
    async with database.administration() as connection:
        await connection.execute(too_much, accounts[broken], -(2**63 - 1 - 100 * MICROS))
    assert [await reviewed(shop) for _ in range(2)] == [1, 0]
    assert await rewards(database) == [5, 5]


async def test_rules_that_come_into_a_book_are_watched_and_those_that_leave_it_give_nothing(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    async with open_shop(database, (await a_tenant()).id) as other:
        account = await other.open(tokens=1_000)
        await spent(other, account, 100, "1")
        assert await reviewed(other) == 0
        await other.publish(a_source(more=RULES))
        await spent(other, account, 10, "2")
        assert await reviewed(other) == 1
        await other.publish(a_source())
        await spent(other, account, 300, "3")
        assert await reviewed(other) == 0
    assert await reviewed(shop) == 0


async def test_one_tenants_review_sees_nothing_of_another(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 300, "1")
    async with open_shop(database, (await a_tenant()).id) as other:
        await other.publish(a_source(more=RULES))
        assert await reviewed(other) == 0
        assert await other.loyalty.review(other.tenant_id, account, datetime.now(UTC).date()) == 0
    assert await rewards(database) == []


async def test_the_sweeper_reviews_by_the_real_clock(
    database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ledger.sweeper.SWEEP_SECONDS", 0.05)
    account = await shop.open(tokens=1_000)
    await spent(shop, account, 100, "1")
    assert await shop.loyalty.sweep() == 0, "it was looked through a moment ago"
    monkeypatch.setattr(module, "REVIEW_SECONDS", 0)

    async def given() -> bool:
        return await rewards(database) == [5]

    async with Sweeper(database, shop.writer, (shop.loyalty.sweep,)):
        await eventually(given)


async def test_a_failing_chore_keeps_no_other_from_being_done(
    database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ledger.sweeper.SWEEP_SECONDS", 0.01)
    done = 0

    async def fails() -> None:
        raise RuntimeError("a bug")

    async def works() -> None:
        nonlocal done
        done += 1

    async with Sweeper(database, shop.writer, (fails, works)):
        await eventually(lambda: done >= 3)
