"""Limits at their edge, from two processes at once: what is allowed goes through, to the unit, and nothing more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.commands import LimitSetting, SetLimits
from rules.ledger.kinds import LimitPeriod, LimitScope
from rules.ledger.outcomes import LimitsEffect
from services.ledger.audit import audit
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder
from tests.faults.processes import END_SECONDS_MAX, ROOT
from tests.services.ledger.cashier import Cashier, a_member, value_of

ADA, BEN = UUID(int=7), UUID(int=8)
PROCESSES = 2


@pytest.fixture
async def cashier(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Cashier]:
    tenant = await a_tenant()
    async with Writer(database) as writer:
        yield Cashier(writer, tenant.id)


async def an_account(database: Database, cashier: Cashier, *limits: LimitSetting, tokens: int = 1_000) -> UUID:
    account = await cashier.open(tokens=tokens)
    await a_member(database, cashier.tenant_id, account, ADA)
    if limits:
        outcome = await cashier.writer.submit(SetLimits(cashier.tenant_id, account, limits))
        assert isinstance(outcome, LimitsEffect), outcome
    return account


def rush(database: Database, cashier: Cashier, account: UUID, *calls: str, rate: int = 0) -> dict[str, Counter[str]]:
    """Both processes send these calls at the same time; what came of them in all."""
    words = [database.dsn, str(cashier.tenant_id), str(account), str(rate)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reserve_rush", *words, f"p{number}", *calls],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(PROCESSES)
    ]
    told: dict[str, Counter[str]] = {}
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            said, _ = process.communicate(timeout=END_SECONDS_MAX)
            for spender, counts in json.loads(said).items():
                told[spender] = told.get(spender, Counter()) + Counter(counts)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait(END_SECONDS_MAX)
    return told


@pytest.mark.parametrize(
    ("setting", "spender"),
    [
        (LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=130), "nobody"),
        (LimitSetting(LimitScope.MEMBER, LimitPeriod.WEEK, ADA, limit=130), str(ADA)),
        (LimitSetting(LimitScope.MEMBER, LimitPeriod.MONTH, limit=130), str(ADA)),
        (LimitSetting(LimitScope.PROJECT, LimitPeriod.TOTAL, project="film", limit=130), "film"),
    ],
)
async def test_of_two_hundred_at_once_exactly_as_many_pass_as_a_limit_allows(
    database: Database, cashier: Cashier, setting: LimitSetting, spender: str
) -> None:
    account = await an_account(database, cashier, setting)

    told = rush(database, cashier, account, f"{spender}:100")

    assert told == {spender: {"HoldEffect": 130, "LimitReached": 70}}
    assert await value_of(database, "SELECT held FROM ledger_account") == 130
    assert await audit(database) == ()


async def test_with_every_limit_at_its_edge_each_is_kept_and_the_accounts_is_used_up(
    database: Database, cashier: Cashier
) -> None:
    account = await an_account(
        database,
        cashier,
        LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=120),
        LimitSetting(LimitScope.MEMBER, LimitPeriod.WEEK, ADA, limit=30),
        LimitSetting(LimitScope.PROJECT, LimitPeriod.TOTAL, project="film", limit=40),
    )

    told = rush(database, cashier, account, f"{ADA}:25", "film:25", "nobody:50")

    passed = {spender: counts["HoldEffect"] for spender, counts in told.items()}
    assert sum(passed.values()) == 120
    assert passed[str(ADA)] <= 30
    assert passed["film"] <= 40
    assert sum(counts["LimitReached"] for counts in told.values()) == 80
    assert await audit(database) == ()


async def test_with_tokens_limits_and_rate_at_their_edge_exactly_what_is_allowed_goes_through(
    database: Database, cashier: Cashier
) -> None:
    """Each process comes to what binds one spender before it asks for the next, so that every bound is met by itself.

    ADA has a limit below the rate, BEN the rate alone, the film a limit; what they leave of the tokens is for nobody.
    """
    account = await an_account(
        database,
        cashier,
        LimitSetting(LimitScope.MEMBER, LimitPeriod.DAY, ADA, limit=20),
        LimitSetting(LimitScope.PROJECT, LimitPeriod.MONTH, project="film", limit=15),
        tokens=70,
    )
    await a_member(database, cashier.tenant_id, account, BEN)

    told = rush(database, cashier, account, f"{ADA}:25", f"{BEN}:35", "film:20", "nobody:20", rate=30)

    assert told == {
        str(ADA): {"HoldEffect": 20, "LimitReached": 30},
        str(BEN): {"HoldEffect": 30, "RateLimited": 40},
        "film": {"HoldEffect": 15, "LimitReached": 25},
        "nobody": {"HoldEffect": 5, "InsufficientTokens": 35},
    }
    assert await value_of(database, "SELECT held FROM ledger_account") == 70
    assert await audit(database) == ()


@pytest.mark.parametrize("spender", ["nobody", str(ADA)])
async def test_of_two_hundred_runs_at_once_exactly_as_many_begin_as_a_minute_allows(
    database: Database, cashier: Cashier, spender: str
) -> None:
    account = await an_account(database, cashier)

    told = rush(database, cashier, account, f"{spender}:100", rate=30)

    assert told == {spender: {"HoldEffect": 30, "RateLimited": 170}}
    assert await audit(database) == ()
