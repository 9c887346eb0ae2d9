"""The sweeper tidies until it is left, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from models.database import Database
from models.unavailable import DatabaseUnreachable
from services.ledger import sweeper
from services.ledger.lane import LedgerUnavailable
from services.ledger.sweeper import Sweeper
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, move_clock, value_of

_OPEN_HOLDS = "SELECT count(*) FROM hold WHERE open AND tenant_id = $1"


async def accounts_with_holds(cashier: Cashier, number: int) -> None:
    accounts = [await cashier.open(f"passenger {index}", tokens=10) for index in range(number)]
    await asyncio.gather(*(cashier.hold(account, 1, ttl_seconds=60) for account in accounts))


async def test_the_sweeper_settles_until_it_is_left(
    database: Database, cashier: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.02)
    await accounts_with_holds(cashier, 3)
    before = asyncio.all_tasks()
    async with Sweeper(database, cashier.writer):
        await move_clock(database, cashier.tenant_id, 60)

        async def swept() -> bool:
            return await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 0

        await eventually(swept)

    async def alone() -> bool:
        return asyncio.all_tasks() <= before

    # A connection may still be on its way back to its pool.
    await eventually(alone, what="nothing of the sweeper is left")


@pytest.mark.parametrize(
    "error",
    [DatabaseUnreachable("away"), LedgerUnavailable("busy"), asyncpg.UndefinedTableError("a bug")],
    ids=["database away", "ledger busy", "a bug"],
)
async def test_the_sweeper_outlives_whatever_goes_wrong(
    database: Database, cashier: Cashier, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls = 0

    async def fail(*_: object) -> int:
        nonlocal calls
        calls += 1
        raise error

    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(sweeper, "settle_due_accounts", fail)
    async with Sweeper(database, cashier.writer):
        await eventually(lambda: calls >= 3)


async def test_months_in_which_nobody_ran_the_server_are_made_before_it_serves(
    database: Database, cashier: Cashier
) -> None:
    async with database.owner() as connection:
        await connection.execute("SELECT ensure_journal_months(now() + interval '6 months', 20)")
        # As if the server had last run long ago: only its first month is left.
        for month in await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'entry'::regclass "
            "ORDER BY 1 OFFSET 1"
        ):
            await connection.execute(f"DROP TABLE {month['name']}")
    async with Sweeper(database, cashier.writer):
        found = await value_of(
            database,
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'entry'::regclass AND $1::uuid IS NOT NULL",
            cashier.tenant_id,
        )
    assert found == 5


@pytest.mark.parametrize("failing", ["settle_due_accounts", "bring_transfers", "delete_old_quotes"])
async def test_a_duty_that_fails_skips_no_other(
    database: Database, cashier: Cashier, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    duties = ("settle_due_accounts", "bring_transfers", "delete_old_quotes", "chore")
    calls = dict.fromkeys(duties, 0)

    def a_duty(name: str) -> Callable[..., Awaitable[None]]:
        async def duty(*_: object) -> None:
            calls[name] += 1
            if name == failing:
                raise LedgerUnavailable("busy")

        return duty

    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.01)
    for name in duties[:-1]:
        monkeypatch.setattr(sweeper, name, a_duty(name))
    async with Sweeper(database, cashier.writer, (a_duty("chore"),)):
        await eventually(lambda: min(calls.values()) >= 2)
