"""The live part as a whole, small: real servers, real subscribers, a durable Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from benchmarks import live_events, live_hot_path, live_hub
from benchmarks.databases import durable_postgres, make_template
from benchmarks.effort import Effort
from benchmarks.farebox_process import FAREBOX, SILENT, settings_for, silence
from benchmarks.live import measure_live_part
from benchmarks.live_events import BARE_NAME, FAREBOX_NAME, STRAWBERRY_NAME
from benchmarks.live_probe import Probe, probe_classes
from benchmarks.live_report import live_tables
from benchmarks.live_sources import FareboxSource
from benchmarks.stand import make_tenant
from benchmarks.web_server import farebox_server
from models.database import Database
from services.live.bus import CHANNEL

BRIEF = Effort(
    rounds=2,
    slice_seconds=0.05,
    warm_up_seconds=0.05,
    callers=(),
    crowds=(),
    pool_sizes=(),
    sweep_rounds=0,
    sweep_seconds=0,
    live_subscribers=(3,),
    live_accounts=(4,),
    live_changes=2,
    live_scattered_changes=8,
)


@pytest.mark.soak
async def test_every_subscriber_is_told_of_every_change_and_all_is_told_in_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (live_events, live_hub):
        monkeypatch.setattr(module, "CHANGE_SECONDS", 0.05)
    monkeypatch.setattr(live_events, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(live_events, "SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(live_hot_path, "LISTENERS", 3)
    monkeypatch.setattr(live_hot_path, "PAUSE_SECONDS", 0.05)
    with durable_postgres() as dsn:
        await make_template(dsn)
        live = await measure_live_part(dsn, BRIEF, lambda text: None)

    by_source = live.events.one_account[3]
    assert set(by_source) == {FAREBOX_NAME, BARE_NAME, STRAWBERRY_NAME}
    for series in by_source.values():
        assert [part.messages for part in series.slices] == [2 * 3, 2 * 3]
        for part in series.slices:
            # A commit lies between the request and the event: all three are read from one clock.
            assert 0 < min(part.since_commit) < max(part.since_asked) < 60
    assert [part.messages for part in live.events.many_accounts[4].slices] == [8, 8]
    assert 0 < live.hub[3].p50.median <= live.hub[3].p99.median < 10
    assert live.hot_path.case.contradictions == ()
    assert live.hot_path.case.holds["ledger"] > 0
    assert all(each > 0 for rounds in live.hot_path.cpu_per_reserve.values() for each in rounds)
    assert all(live_tables(live))


@pytest.mark.parametrize(("application", "is_told"), [(FAREBOX, True), (SILENT, False)])
async def test_a_silent_server_says_nothing_on_the_bus(
    application: str, is_told: bool, dsn: str, database: Database, tmp_path: Path
) -> None:
    """Otherwise what live events cost would be measured beside live events."""
    tenant = await make_tenant(database)
    heard = asyncio.Event()
    listener = await asyncpg.connect(dsn)
    try:
        with farebox_server(application, settings_for(dsn, str(tmp_path))) as served:
            async with FareboxSource(served, tenant.secret_key, dsn) as source:
                (account,) = await source.open_accounts(["one"])
                await asyncio.sleep(0.3)
                await listener.add_listener(CHANNEL, lambda *_: heard.set())
                await source.change(account)
                try:
                    async with asyncio.timeout(10.0 if is_told else 1.0):
                        await heard.wait()
                except TimeoutError:
                    pass
    finally:
        await listener.close()

    assert heard.is_set() is is_told


def test_what_is_no_hub_can_be_neither_silenced_nor_probed() -> None:
    with pytest.raises(AttributeError):
        silence(object)
    with pytest.raises(AttributeError):
        probe_classes(Probe(), object, object, object, object)


class Hub:
    def changed(self) -> None: ...


class Reads:
    seconds = 0.0

    async def read(self) -> str:
        begun_at = time.perf_counter()
        await asyncio.sleep(0.2)
        self.seconds = time.perf_counter() - begun_at
        return "a snapshot"


class Subscriber:
    def hand_to(self, take: Callable[[str], bool]) -> None:
        self.take = take


class Audience:
    def __init__(self, subscribers: list[Subscriber]) -> None:
        self.subscribers = subscribers

    def show(self, event: str) -> None:
        for subscriber in self.subscribers:
            assert subscriber.take(event)


def a_probe(send: Callable[[str], bool]) -> tuple[Probe, type[Hub], type[Reads], Audience]:
    """A probe, what it was put into, and three who are sent what they are shown."""
    hub, reads, audience, subscriber = (type(each.__name__, (each,), {}) for each in (Hub, Reads, Audience, Subscriber))
    probe = Probe()
    probe_classes(probe, hub, reads, audience, subscriber)
    subscribers = [subscriber() for _ in range(3)]
    for each in subscribers:
        each.hand_to(send)
    return probe, hub, reads, audience(subscribers)


async def test_the_probe_leaves_out_what_is_read_and_sent_and_what_comes_after_the_last_offer() -> None:
    sent: list[str] = []
    sending_seconds: list[float] = []

    def send(event: str) -> bool:
        begun_at = time.perf_counter()
        time.sleep(0.1)
        sent.append(event)
        sending_seconds.append(time.perf_counter() - begun_at)
        return True

    probe, hub, reads, audience = a_probe(send)
    reader = reads()
    begun_at = time.perf_counter()
    hub().changed()
    await asyncio.sleep(0.05)
    assert await reader.read() == "a snapshot"
    audience.show("an event")
    all_seconds = time.perf_counter() - begun_at
    assert sent == ["an event"] * 3
    await asyncio.sleep(0.2)
    hub().changed()

    ((offers, seconds),) = probe.take()
    assert offers == 3
    # However busy the machine is: some 0.05 s, and more by a fifth of a second at least with any part not left out.
    assert 0.04 < seconds <= all_seconds - reader.seconds - sum(sending_seconds)
    assert probe.take() == []


def test_the_probe_takes_no_figures_of_those_who_do_not_read() -> None:
    _, hub, _, audience = a_probe(lambda event: False)
    hub().changed()
    with pytest.raises(RuntimeError, match="must read"):
        audience.show("an event")


def test_the_probe_times_also_what_nobody_takes_at_once() -> None:
    """As of those whose pace does not allow it yet."""
    probe, hub, _, audience = a_probe(lambda event: True)
    audience.subscribers.clear()
    hub().changed()
    audience.show("an event")

    ((offers, seconds),) = probe.take()
    assert offers == 0
    assert 0 <= seconds < 1
    hub().changed()
    assert probe.take() == [], "nothing was offered"
