"""What is due is tidied up although nobody asks."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from models.database import Database
from rules.ledger.outcomes import HoldEffect
from services.ledger import due_accounts
from services.ledger.due_accounts import settle_due_accounts
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, move_clock, value_of
from tests.services.ledger.sums import contradictions

_OPEN_HOLDS = "SELECT count(*) FROM hold WHERE open AND tenant_id = $1"


async def accounts_with_holds(cashier: Cashier, number: int) -> None:
    accounts = [await cashier.open(f"passenger {index}", tokens=10) for index in range(number)]
    await asyncio.gather(*(cashier.hold(account, 1, ttl_seconds=60) for account in accounts))


async def test_it_settles_every_due_account_however_many(
    database: Database, cashier: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_accounts, "ACCOUNTS_MAX", 5)
    await accounts_with_holds(cashier, 12)
    assert await settle_due_accounts(database, cashier.writer) == 0
    await move_clock(database, cashier.tenant_id, 60)

    assert await settle_due_accounts(database, cashier.writer) == 12

    assert await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 0
    assert await settle_due_accounts(database, cashier.writer) == 0
    assert await contradictions(database) == []


async def test_of_one_tenant_it_settles_that_tenants_alone(
    database: Database, cashier: Cashier, a_tenant: TenantBuilder
) -> None:
    other = Cashier(cashier.writer, (await a_tenant()).id)
    for one in (cashier, other):
        await accounts_with_holds(one, 2)
        await move_clock(database, one.tenant_id, 60)

    assert await settle_due_accounts(database, cashier.writer, other.tenant_id) == 2

    assert await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 2
    assert await value_of(database, _OPEN_HOLDS, other.tenant_id) == 0


async def test_a_hold_that_was_extended_is_left_alone(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)
    hold = await cashier.hold(account, 1, ttl_seconds=60)
    assert isinstance(await cashier.extend(account, hold, ttl_seconds=600), HoldEffect)
    await move_clock(database, cashier.tenant_id, 61)

    await settle_due_accounts(database, cashier.writer)

    assert await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 1
    await move_clock(database, cashier.tenant_id, 600)
    await settle_due_accounts(database, cashier.writer)
    assert await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 0


async def test_one_account_that_cannot_be_settled_keeps_no_other_from_it(database: Database, cashier: Cashier) -> None:
    await accounts_with_holds(cashier, 6)
    async with database.owner() as connection:
        # A row that the code could never have written: its release breaks a constraint.
        await connection.execute("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_held_check")
        await connection.execute("ALTER TABLE ledger_account ADD CONSTRAINT held CHECK (held >= 0) NOT VALID")
        await connection.execute(
            "UPDATE ledger_account SET held = 0 "
            "WHERE account_id = (SELECT min(account_id::text)::uuid FROM ledger_account)"
        )
    await move_clock(database, cashier.tenant_id, 60)

    for _ in range(2):
        with pytest.raises(asyncpg.CheckViolationError):
            await settle_due_accounts(database, cashier.writer)

    async def only_one_is_left() -> bool:
        return await value_of(database, _OPEN_HOLDS, cashier.tenant_id) == 1

    await eventually(only_one_is_left)
