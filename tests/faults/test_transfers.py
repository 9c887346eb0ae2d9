"""Kill -9 in the middle of a transfer: its tokens are counted on the way, and arrive once."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from models.database import Database
from services.ledger import sweeper
from services.ledger.audit import audit
from services.ledger.sweeper import Sweeper
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder
from tests.faults.processes import ROOT
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, value_of
from tests.services.ledger.sums import contradictions

WAITING = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
TOTAL = "SELECT total FROM ledger_account WHERE account_id = $1"


@pytest.mark.parametrize(("when", "arrived"), [("debit", 0), ("credit", 70)])
async def test_a_process_that_is_killed_on_the_way_loses_and_doubles_nothing(
    database: Database, a_tenant: TenantBuilder, monkeypatch: pytest.MonkeyPatch, when: str, arrived: int
) -> None:
    tenant_id = (await a_tenant()).id
    async with Writer(database) as writer:
        cashier = Cashier(writer, tenant_id)
        giver, taker = await cashier.open("giver", tokens=100), await cashier.open("taker")

    words = [database.dsn, when, *map(str, (tenant_id, giver, taker)), "70"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.dying_transfer", *words, cwd=ROOT
    )
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL

    assert [await value_of(database, TOTAL, account) for account in (giver, taker)] == [30, arrived]
    assert await value_of(database, WAITING) == 1
    assert await audit(database) == ()

    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.02)
    async with Writer(database) as one, Writer(database) as two, Sweeper(database, one), Sweeper(database, two):

        async def brought() -> bool:
            return bool(await value_of(database, WAITING) == 0)

        await eventually(brought)

    assert [await value_of(database, TOTAL, account) for account in (giver, taker)] == [30, 70]
    assert await contradictions(database) == []
