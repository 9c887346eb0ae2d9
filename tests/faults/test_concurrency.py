"""Several processes on one account: each a ledger of its own, the row lock is the truth between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.database import Database
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder
from tests.faults.processes import FareLoop, lost_or_doubled
from tests.services.ledger.cashier import Cashier, value_of
from tests.services.ledger.sums import contradictions


@pytest.fixture
async def cashier(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Cashier]:
    tenant = await a_tenant()
    async with Writer(database) as writer:
        yield Cashier(writer, tenant.id)


async def test_two_processes_on_one_account_lose_nothing(database: Database, cashier: Cashier, tmp_path: Path) -> None:
    account = await cashier.open(tokens=1_000_000)

    loops = [FareLoop(tmp_path, database.dsn, cashier.tenant_id, [account], callers=16, rides=15) for _ in range(2)]
    answers = [answer for loop in loops for answer in loop.end()]

    assert len(answers) == 2 * 2 * 16 * 15
    assert not any(answer.replayed for answer in answers)
    assert await lost_or_doubled(database, answers) == []
    spent = sum(answer.amount for answer in answers)
    assert await value_of(database, "SELECT total FROM ledger_account") == 1_000_000 - spent
    assert await contradictions(database) == []


async def test_two_processes_with_the_same_keys_have_one_effect_for_each(
    database: Database, cashier: Cashier, tmp_path: Path
) -> None:
    accounts = [await cashier.open(name, tokens=100_000) for name in ("one", "two", "three")]

    loops = [
        FareLoop(tmp_path, database.dsn, cashier.tenant_id, accounts, name="same", callers=12, rides=12)
        for _ in range(2)
    ]
    answers = [answer for loop in loops for answer in loop.end()]

    assert len(answers) == 2 * 2 * 12 * 12
    effects = Counter((answer.mutation, answer.key, answer.effect) for answer in answers)
    assert set(effects.values()) == {2}
    firsts = Counter((answer.mutation, answer.key) for answer in answers if not answer.replayed)
    assert len(firsts) == len(effects)
    assert set(firsts.values()) == {1}
    assert await lost_or_doubled(database, answers) == []
    assert await contradictions(database) == []
