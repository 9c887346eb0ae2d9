"""What the live part makes of its figures."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.callers import Slice
from benchmarks.cases import Case
from benchmarks.live import Live, judge_live
from benchmarks.live_events import BARE_NAME, FAREBOX_NAME, STRAWBERRY_NAME, LiveSeries, LiveSlice, LiveSpeed, less_idle
from benchmarks.live_hot_path import HotPath
from benchmarks.live_hub import HubSpeed
from benchmarks.live_report import live_as_json, live_tables
from benchmarks.live_sources import numbered, reserved_version
from benchmarks.rounds import Series, Spread


def same(value: float) -> Spread:
    return Spread(value, value, value)


def a_series(*cpu_microseconds: float, milliseconds: float = 4.0) -> LiveSeries:
    """One round for each figure: a hundred messages, of which each took so much processor time."""
    since_commit = [milliseconds / 1_000] * 100
    since_asked = [milliseconds / 1_000 + 0.001] * 100
    return LiveSeries(tuple(LiveSlice(since_commit, since_asked, each / 1e6 * 100, 0.02) for each in cpu_microseconds))


def a_path(live_cpu: float) -> HotPath:
    names = [f"{name}, {arrangement}" for arrangement in ("hot", "distinct") for name in ("silent", "live")]
    series = {name: Series((Slice(100, 100, 100, 1.0, []),)) for name in names}
    cpu = {name: [live_cpu if name.startswith("live") else 1.0] for name in names}
    return HotPath(Case("live events", series, (), {"ledger": 400}), cpu)


GOOD = Live(
    LiveSpeed(
        one_account={
            size: {
                FAREBOX_NAME: a_series(10, 10, 20),
                BARE_NAME: a_series(10, 11, 19),
                STRAWBERRY_NAME: a_series(100, 90, 400),
            }
            for size in (1, 500, 2_000)
        },
        many_accounts={500: a_series(1_000)},
        connection_bytes={FAREBOX_NAME: 22 * 1_024.0, BARE_NAME: 20 * 1_024.0, STRAWBERRY_NAME: 40 * 1_024.0},
        idle_shares={FAREBOX_NAME: 0.042, BARE_NAME: 0.01, STRAWBERRY_NAME: 0.01},
        tried_again=0,
    ),
    hub={size: HubSpeed(same(0.0005), same(0.0009)) for size in (1, 500, 2_000)},
    hot_path=a_path(1.02),
)


def test_processor_time_is_compared_round_by_round() -> None:
    ours, theirs = a_series(10, 10, 20), a_series(100, 90, 400)

    found = ours.cheapness_beside(theirs)

    assert (found.median, found.least, found.most) == (
        pytest.approx(10.0),
        pytest.approx(9.0),
        pytest.approx(20.0),
    )
    assert ours.messages_per_second.median == pytest.approx(5_000)


def test_what_is_used_anyway_is_taken_off_and_never_more_than_there_is() -> None:
    assert less_idle(0.5, 0.1, 2.0) == pytest.approx(0.3)
    assert less_idle(0.1, 0.1, 2.0) == 0.0


def test_what_is_good_enough_passes() -> None:
    assert [target.name for target in judge_live(GOOD) if not target.is_met] == []


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        (
            replace(
                GOOD,
                events=replace(
                    GOOD.events,
                    one_account={
                        **GOOD.events.one_account,
                        500: {**GOOD.events.one_account[500], FAREBOX_NAME: a_series(10, milliseconds=7)},
                    },
                ),
            ),
            ["commit to client, 500 subscribers, p99"],
        ),
        (
            replace(
                GOOD,
                events=replace(
                    GOOD.events,
                    one_account={
                        **GOOD.events.one_account,
                        2_000: {**GOOD.events.one_account[2_000], FAREBOX_NAME: a_series(16, 16, 32)},
                    },
                ),
            ),
            ["fan-out to 2,000 beside a bare websocket", "fan-out to 2,000 beside Strawberry's"],
        ),
        (
            replace(GOOD, hub={**GOOD.hub, 500: HubSpeed(same(0.0005), same(0.002))}),
            ["of that in the hub, 500 subscribers, p99"],
        ),
        (
            replace(GOOD, events=replace(GOOD.events, connection_bytes={FAREBOX_NAME: 40 * 1_024.0})),
            ["memory of a connection"],
        ),
        (
            replace(GOOD, hot_path=a_path(1.4)),
            [
                "a reserve with live events beside without, distinct",
                "a reserve with live events beside without, hot",
            ],
        ),
    ],
)
def test_what_is_not_good_enough_fails_and_nothing_else(worse: Live, missed: list[str]) -> None:
    assert [target.name for target in judge_live(worse) if not target.passes] == missed


def test_figures_stand_in_the_tables_in_their_units() -> None:
    latencies, fan_out, connections, hub, hot_path = live_tables(GOOD)

    assert "one account, 500: Farebox" in latencies
    assert "4.0 (4.0..4.0)" in latencies
    assert "many accounts, 500: Farebox" in latencies
    assert "10.0 (10.0..20.0)" in fan_out
    assert "1: " not in fan_out.replace("2,000: ", "").replace("500: ", "")
    assert "Farebox 22.0" in connections
    assert "Farebox 4.2" in connections
    assert "again" not in connections
    assert "0.90 (0.90..0.90)" in hub
    assert "1.02 (1.02..1.02)" in hot_path


def test_programs_get_every_round() -> None:
    shown = json.loads(json.dumps(live_as_json(GOOD)))

    assert shown["oneAccount"]["2000"][STRAWBERRY_NAME]["messages"] == [100, 100, 100]
    assert shown["hotPath"]["live, hot"]["cpuSecondsPerReserve"] == [1.02]


def test_a_rival_is_handed_the_same_message_with_another_version() -> None:
    assert numbered(b'{"version":1234,"held":"1"}', 56) == b'{"version":  56,"held":"1"}'
    assert json.loads(numbered(b'{"version":1234}', 56)) == {"version": 56}
    with pytest.raises(RuntimeError, match="without one version"):
        numbered(b"{}", 56)


@pytest.mark.parametrize(
    "reserved",
    [
        {"__typename": "InsufficientTokens"},
        {"__typename": "ReserveSuccess", "replayed": True, "balance": {"version": 3}},
    ],
)
def test_only_what_was_set_aside_now_counts(reserved: dict[str, object]) -> None:
    with pytest.raises(RuntimeError, match="a reserve was answered with"):
        reserved_version(json.dumps({"data": {"reserve": reserved}}).encode())


@pytest.mark.parametrize("arguments", [["--live", "--limits"], ["--live", "--json", "figures.json"]])
def test_parts_are_asked_for_one_at_a_time(arguments: list[str]) -> None:
    app = typer.Typer()
    app.command()(main)

    assert CliRunner().invoke(app, arguments).exit_code == 2
