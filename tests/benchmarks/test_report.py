from __future__ import annotations

from io import StringIO

from benchmarks.core_speed import measure_core
from benchmarks.progress import ProgressLine
from benchmarks.tables import table


def test_columns_stand_under_each_other() -> None:
    assert table([["name", "1"], ["longer name", "1,000"]]) == "name             1\nlonger name  1,000"


def test_the_core_is_measured_without_a_database() -> None:
    speed = measure_core(rounds=1)

    assert 0 < speed.reserve_microseconds.median < 10_000
    assert speed.single_lines_per_second.median > 0
    assert speed.workflow_lines_per_second.median > 0


def test_progress_in_a_log_is_a_line_now_and_then() -> None:
    log = StringIO()
    with ProgressLine(log) as progress:
        for number in range(100):
            progress(f"step {number}")

    assert log.getvalue() == "   0 s  step 0\n"
