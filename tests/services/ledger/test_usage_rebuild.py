"""Sums of usage are worked out anew from the journal, also while others spend."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from models.database import Database
from models.pool import SESSION_SETTINGS
from models.statements import statement
from rules.ledger.commands import AdjustAccount
from services.ledger.audit import audit
from services.ledger.usage_rebuild import Rebuilt, rebuild_usage
from services.ledger.writer import Writer
from tests.services.ledger.cashier import Cashier, rows_of
from tests.services.ledger.histories import LivedIn, live_in

SUMS = "SELECT * FROM usage_day ORDER BY account_id, day, member_id, project, model, category"
WORKS = "SELECT * FROM work_day ORDER BY account_id, day, member_id, project, outcome"


@pytest.fixture
async def lived_in(database: Database) -> LivedIn:
    return await live_in(database)


async def test_a_ledger_that_is_right_is_left_alone(database: Database, lived_in: LivedIn) -> None:
    before = await rows_of(database, SUMS), await rows_of(database, WORKS)
    told: list[tuple[int, int]] = []

    rebuilt = await rebuild_usage(database, progressed=lambda done, total: told.append((done, total)))

    (row,) = await rows_of(database, "SELECT count(*) AS accounts FROM ledger_account")
    assert rebuilt == Rebuilt(row["accounts"], 0, 0)
    assert told == [(done + 1, row["accounts"]) for done in range(row["accounts"])]
    assert (await rows_of(database, SUMS), await rows_of(database, WORKS)) == before


async def test_whatever_is_wrong_becomes_what_it_was(database: Database, lived_in: LivedIn) -> None:
    """Days of the time zone that was in force then among it: the rider has moved to Kathmandu since."""
    before = await rows_of(database, SUMS), await rows_of(database, WORKS)
    await spoil(database, lived_in.rider)
    assert await audit(database) != ()

    rebuilt = await rebuild_usage(database)

    assert rebuilt.corrected_accounts == 8
    assert rebuilt.corrected_sums > 10
    assert (await rows_of(database, SUMS), await rows_of(database, WORKS)) == before
    assert await audit(database) == ()


async def test_it_is_right_while_others_spend_and_move_and_rebuild(database: Database, lived_in: LivedIn) -> None:
    stopped = asyncio.Event()

    async def spend(cashier: Cashier, project: str) -> None:
        while not stopped.is_set():
            hold = await cashier.hold(lived_in.fleet, 5, project=project)
            await cashier.commit(lived_in.fleet, hold, 3)

    async def move(cashier: Cashier) -> None:
        zones = ("Pacific/Kiritimati", "Pacific/Honolulu")
        number = 0
        while not stopped.is_set():
            number += 1
            await cashier.writer.submit(AdjustAccount(cashier.tenant_id, lived_in.fleet, zones[number % 2]))

    async with Writer(database) as writer:
        cashier = Cashier(writer, lived_in.tenant_id)
        spending = [asyncio.create_task(spend(cashier, f"project {number}")) for number in range(6)]
        spending.append(asyncio.create_task(move(cashier)))
        try:
            for _ in range(3):
                await spoil(database, lived_in.rider)
                await rows_of(
                    database, "UPDATE usage_day SET charged = charged + 7 WHERE account_id = $1", lived_in.fleet
                )
                await asyncio.gather(rebuild_usage(database), rebuild_usage(database))
                assert await audit(database) == ()
        finally:
            stopped.set()
            await asyncio.gather(*spending)

    assert await audit(database) == ()


async def test_it_waits_for_another_that_reads_a_long_journal(
    database: Database, lived_in: LivedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than other work waits for a lock."""
    before = await rows_of(database, SUMS)
    await spoil(database, lived_in.rider)
    monkeypatch.setitem(SESSION_SETTINGS, "lock_timeout", "100ms")
    async with await Database.open(database.dsn) as impatient, database.administration() as connection:
        await connection.execute(statement("lock_usage_rebuild"), lived_in.rider)
        rebuilding = asyncio.create_task(rebuild_usage(impatient))
        await asyncio.sleep(0.5)
        assert not rebuilding.done()
        await connection.execute("COMMIT; BEGIN")
        assert (await rebuilding).corrected_accounts > 0
    assert await rows_of(database, SUMS) == before


async def spoil(database: Database, rider: UUID) -> None:
    """Forgets the rider's sums, adds some of nothing, and makes every third sum wrong."""
    await rows_of(database, "DELETE FROM usage_day WHERE account_id = $1", rider)
    await rows_of(database, "DELETE FROM work_day WHERE account_id = $1", rider)
    await rows_of(database, "UPDATE usage_day SET charged = charged + 1, uses = uses - 1 WHERE model IS NULL")
    await rows_of(
        database,
        "INSERT INTO usage_day (account_id, day, model, tenant_id, charged, refunded, uses, operations)"
        " SELECT account_id, '2026-01-01', 'never', tenant_id, 5, 0, 1, 1 FROM ledger_account WHERE account_id = $1",
        rider,
    )
