from __future__ import annotations

from datetime import date

from benchmarks.databases import make_template
from benchmarks.effort import Effort
from benchmarks.usage_reports import last_month, measure_usage
from tests.conftest import administer

BRIEF = Effort(
    rounds=1,
    slice_seconds=0.1,
    warm_up_seconds=0.05,
    callers=(),
    crowds=(),
    pool_sizes=(),
    sweep_rounds=0,
    sweep_seconds=0,
    usage_entries=(100, 2_000),
)


async def test_reports_over_few_and_many_entries_are_measured(postgres_dsn: str) -> None:
    """Each is checked to be whole before it is measured."""
    await make_template(postgres_dsn)
    try:
        speed = await measure_usage(postgres_dsn, BRIEF)
    finally:
        await administer(postgres_dsn, "DROP DATABASE farebox_benchmark_template WITH (FORCE)")

    assert list(speed.reports) == [100, 2_000]
    assert all(series.per_second.median > 0 for series in speed.reports.values())


def test_last_month_is_whole() -> None:
    assert last_month(date(2028, 3, 1)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert last_month(date(2026, 1, 31)) == (date(2025, 12, 1), date(2025, 12, 31))
