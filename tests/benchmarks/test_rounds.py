from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from benchmarks.callers import Caller, Slice, Tally, run_slice
from benchmarks.contenders import Contender
from benchmarks.one_call_rival import OneCallRival
from benchmarks.rounds import Entrant, Series, Spread, interleave


def a_slice(*, counted: int = 0, latencies: list[float] | None = None) -> Slice:
    return Slice(counted, counted, counted, 1.0, latencies or [])


def nobody() -> Contender:
    return OneCallRival([], None)


async def test_only_answers_within_the_slice_count() -> None:
    async def ask(tally: Tally) -> None:
        asked_at = perf_counter()
        await asyncio.sleep(0.04)
        tally.acknowledge(asked_at, holds=1)

    part = await run_slice([ask], 0.1)

    assert part.counted == 2
    assert part.acknowledged == part.holds == 3
    assert len(part.latencies) == 3


async def test_callers_ask_side_by_side() -> None:
    asking, most = 0, 0

    async def ask(tally: Tally) -> None:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.01)
        asking -= 1

    await run_slice([ask] * 16, 0.05)

    assert most == 16


async def test_a_failed_request_ends_the_measurement() -> None:
    async def ask(tally: Tally) -> None:
        raise ValueError("refused")

    with pytest.raises(ExceptionGroup):
        await run_slice([ask], 1.0)


def test_a_percentile_is_a_latency_that_was_seen() -> None:
    part = a_slice(latencies=[number / 1_000 for number in range(1, 201)])

    assert part.latency(50) == 0.101
    assert part.latency(99) == 0.199
    assert a_slice().latency(99) == 0.0


async def test_entrants_take_turns_and_the_first_place_goes_round() -> None:
    turns: list[str] = []
    analyzed_at: list[int] = []

    def caller(name: str) -> Caller:
        async def ask(tally: Tally) -> None:
            turns.append(name)
            tally.acknowledge(perf_counter(), holds=1)
            await asyncio.sleep(0.02)

        return ask

    async def analyze() -> None:
        analyzed_at.append(len(turns))

    series, holds = await interleave(
        [Entrant(name, nobody(), [caller(name)]) for name in "abc"],
        rounds=3,
        seconds=0.01,
        warm_up_seconds=0.01,
        after_warm_up=analyze,
        progress=lambda text: None,
    )

    assert "".join(turns) == "abc" + "abc" + "bca" + "cab"
    assert analyzed_at == [3]
    assert [len(series[name].slices) for name in "abc"] == [3, 3, 3]
    assert holds == {"a": 4, "b": 4, "c": 4}


def test_a_ratio_is_taken_pair_by_pair() -> None:
    ours = Series(tuple(a_slice(counted=counted) for counted in (100, 200, 900)))
    theirs = Series(tuple(a_slice(counted=counted) for counted in (10, 40, 300)))

    assert ours.ratio_to(theirs) == Spread(median=5.0, least=3.0, most=10.0)
