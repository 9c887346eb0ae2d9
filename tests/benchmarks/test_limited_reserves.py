from __future__ import annotations

from benchmarks.cases import limit_spenders
from benchmarks.contenders import AMOUNT_MICROS, GRANTS_MICROS
from benchmarks.databases import make_template
from benchmarks.effort import Effort
from benchmarks.ledger_service import LIMITS, LimitedLedgerService
from benchmarks.report import limits_as_text
from models.database import Database
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder, administer
from tests.services.ledger.cashier import rows_of

BRIEF = Effort(
    rounds=2,
    slice_seconds=0.1,
    warm_up_seconds=0.05,
    callers=(),
    crowds=(),
    pool_sizes=(),
    sweep_rounds=0,
    sweep_seconds=0,
)


async def test_reserves_without_and_within_limits_take_turns_and_are_proven(postgres_dsn: str) -> None:
    await make_template(postgres_dsn)
    try:
        case = await limit_spenders(postgres_dsn, BRIEF, lambda text: None)
    finally:
        await administer(postgres_dsn, "DROP DATABASE farebox_benchmark_template WITH (FORCE)")

    assert list(case.series) == ["0 limits, distinct", "6 limits, distinct", "0 limits, hot", "6 limits, hot"]
    assert all(len(series.slices) == 2 for series in case.series.values())
    assert all(part.holds > 0 for series in case.series.values() for part in series.slices)
    assert case.contradictions == ()
    assert case.holds["ledger"] > 0
    text = limits_as_text(case, BRIEF)
    assert text.splitlines()[0].split()[-5:] == ["0", "limits", "6", "limits", "x"]
    assert "limits: clean" in text


async def test_six_limits_hold_for_every_reserve_within_them(database: Database, a_tenant: TenantBuilder) -> None:
    """What is measured must be limited and counted: otherwise it would be faster."""
    async with Writer(database) as writer:
        ledger = LimitedLedgerService(database, writer, (await a_tenant()).id)
        account = await ledger.open_account("limited", GRANTS_MICROS)
        assert await ledger.reserve(account, "key", AMOUNT_MICROS) is not None

    own = "(spending).day_limit, (spending).week_limit, (spending).month_limit, (spending).total_limit"
    counts = await rows_of(
        database,
        f"SELECT 'ACCOUNT' AS scope, {own}, (spending).total_consumed FROM ledger_account"
        f" UNION ALL SELECT scope, {own}, (spending).total_consumed FROM ledger_scope",
    )
    assert sum(limit is not None for row in counts for limit in list(row)[1:5]) == len(LIMITS) == 6
    assert {row["scope"]: row["total_consumed"] for row in counts} == {
        "ACCOUNT": AMOUNT_MICROS,
        "MEMBER_DEFAULT": 0,
        "MEMBER": AMOUNT_MICROS,
        "PROJECT": AMOUNT_MICROS,
    }
