from __future__ import annotations

import os
import resource
from time import process_time

import pytest

from benchmarks.machine import (
    CpuReading,
    cpu_seconds_of,
    cpu_seconds_of_postgres,
    find_postmaster,
    read_cpu,
    resident_bytes_of,
)


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


async def test_another_process_is_looked_at_as_closely_as_this_one(dsn: str) -> None:
    postmaster = await find_postmaster(dsn)
    if postmaster is None:
        pytest.skip("this system has no /proc")
    before = cpu_seconds_of(os.getpid())
    started = process_time()
    while process_time() - started < 0.2:
        pass

    assert 0.2 <= cpu_seconds_of(os.getpid()) - before < 5.0
    assert cpu_seconds_of_postgres(postmaster) >= cpu_seconds_of(postmaster) > 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    # The kernel counts in batches.
    assert 20 * 2**20 < resident_bytes_of(os.getpid()) < 1.2 * most
