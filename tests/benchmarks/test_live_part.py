"""The live part as a whole, small: real servers, real subscribers, a durable Postgres."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from benchmarks import live_events, live_hot_path
from benchmarks.databases import durable_postgres, make_template
from benchmarks.effort import Effort
from benchmarks.farebox_process import silence
from benchmarks.live import measure_live_part
from benchmarks.live_events import BARE_NAME, FAREBOX_NAME, STRAWBERRY_NAME
from benchmarks.live_hub import ACCOUNT, TENANT, InstantReader, InstantSnapshot
from benchmarks.live_report import live_tables
from services.live.hub import LiveHub

BRIEF = Effort(
    rounds=2,
    slice_seconds=0.2,
    warm_up_seconds=0.1,
    callers=(),
    crowds=(),
    pool_sizes=(),
    sweep_rounds=0,
    sweep_seconds=0,
    live_subscribers=(1, 4),
    live_accounts=(4,),
    live_changes=2,
    live_scattered_changes=8,
)


async def test_every_subscriber_is_told_of_every_change_and_all_is_told_in_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_events, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(live_events, "SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(live_hot_path, "LISTENERS", 3)
    monkeypatch.setattr(live_hot_path, "PAUSE_SECONDS", 0.05)
    with durable_postgres() as dsn:
        await make_template(dsn)
        live = await measure_live_part(dsn, BRIEF, lambda text: None)

    assert set(live.events.one_account) == {1, 4}
    for size, by_source in live.events.one_account.items():
        assert set(by_source) == {FAREBOX_NAME, BARE_NAME, STRAWBERRY_NAME}
        for series in by_source.values():
            assert [part.messages for part in series.slices] == [2 * size, 2 * size]
            for part in series.slices:
                # A commit lies between the request and the event, whichever of the server's clocks is read.
                assert 0 < min(part.since_commit) < max(part.since_asked) < 60
    assert [part.messages for part in live.events.many_accounts[4].slices] == [8, 8]
    assert set(live.hub) == {1, 4}
    assert live.hot_path.case.contradictions == ()
    assert live.hot_path.case.holds["ledger"] > 0
    assert all(each > 0 for rounds in live.hot_path.cpu_per_reserve.values() for each in rounds)
    assert all(live_tables(live))


class SilencedHub(LiveHub[InstantSnapshot]):
    pass


async def test_a_silenced_hub_tells_nobody() -> None:
    """Otherwise what live events cost would be measured beside live events."""
    silence(SilencedHub)
    told: dict[type[LiveHub[InstantSnapshot]], int] = {}
    for kind in (LiveHub, SilencedHub):
        reader = InstantReader()
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(kind(reader, None, healing_seconds=None))
            snapshots = await stack.enter_async_context(hub.watch(TENANT, ACCOUNT))
            assert (await anext(snapshots)).version == 1
            reader.version += 1
            hub.changed(ACCOUNT, reader.version)
            try:
                async with asyncio.timeout(0.5 if kind is SilencedHub else 10.0):
                    told[kind] = (await anext(snapshots)).version
            except TimeoutError:
                told[kind] = 1

    assert told == {LiveHub: 2, SilencedHub: 1}


def test_what_is_no_hub_cannot_be_silenced() -> None:
    with pytest.raises(AttributeError):
        silence(object)
