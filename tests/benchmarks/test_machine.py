from __future__ import annotations

from time import process_time

import pytest

from benchmarks.machine import CpuReading, find_postmaster, read_cpu


def test_what_we_use_ourselves_is_not_others() -> None:
    before = CpuReading(used=100.0, ours=10.0, possible=1_000.0)

    assert CpuReading(used=150.0, ours=60.0, possible=1_200.0).others_percent_since(before) == 0
    assert CpuReading(used=150.0, ours=30.0, possible=1_200.0).others_percent_since(before) == 15


async def test_own_work_and_that_of_postgres_are_counted_as_ours(dsn: str) -> None:
    postmaster = await find_postmaster(dsn)
    before = read_cpu(postmaster)
    if before is None:
        pytest.skip("this system has no /proc")
    started = process_time()
    while process_time() - started < 0.2:
        pass

    after = read_cpu(postmaster)

    assert after is not None
    assert after.ours - before.ours >= 0.15
    assert after.used - before.used >= 0.15
    assert before.ours > process_time() - 1.0
