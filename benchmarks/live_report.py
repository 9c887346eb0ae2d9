"""The live part as tables, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.live import KIBIBYTE, Live
from benchmarks.live_events import FAREBOX_NAME, LiveSeries
from benchmarks.live_hot_path import LISTENERS, LIVE_NAME
from benchmarks.stand import Arrangement
from benchmarks.tables import shown_figure, shown_milliseconds, shown_rate, table

PERCENTS = (50, 99)


def live_tables(live: Live) -> list[str]:
    """The tables of the live part."""
    return [_latencies(live), _fan_out(live), _connections(live), _hub(live), _hot_path(live)]


def live_as_json(live: Live) -> dict[str, Any]:
    """The same for programs; latencies and processor time in seconds, memory in bytes."""
    return {
        "oneAccount": {
            size: {name: _series_as_json(series) for name, series in by_source.items()}
            for size, by_source in live.events.one_account.items()
        },
        "manyAccounts": {size: _series_as_json(series) for size, series in live.events.many_accounts.items()},
        "connectionBytes": dict(live.events.connection_bytes),
        "idleShares": dict(live.events.idle_shares),
        "triedAgain": live.events.tried_again,
        "hub": {size: asdict(speed) for size, speed in live.hub.items()},
        "hotPath": {
            name: {
                "perSecond": [part.per_second for part in series.slices],
                "cpuSecondsPerReserve": list(live.hot_path.cpu_per_reserve[name]),
            }
            for name, series in live.hot_path.case.series.items()
        },
    }


def _series_as_json(series: LiveSeries) -> dict[str, Any]:
    return {
        "messages": [part.messages for part in series.slices],
        "messagesPerSecond": [part.messages / part.busy_seconds for part in series.slices],
        "cpuSecondsPerMessage": [part.cpu_seconds / part.messages for part in series.slices],
        **{f"p{percent}SecondsSinceCommit": asdict(series.since_commit(percent)) for percent in PERCENTS},
        **{f"p{percent}SecondsSinceAsked": asdict(series.since_asked(percent)) for percent in PERCENTS},
    }


def _latencies(live: Live) -> str:
    rows = [["Milliseconds to a client", "messages a round", "commit p50", "commit p99", "request p50", "request p99"]]
    for size, by_source in live.events.one_account.items():
        rows += [_latency_row(f"one account, {size:,}: {name}", series) for name, series in by_source.items()]
    for size, series in live.events.many_accounts.items():
        rows.append(_latency_row(f"many accounts, {size:,}: {FAREBOX_NAME}", series))
    return table(rows)


def _latency_row(title: str, series: LiveSeries) -> list[str]:
    figures = [since(percent) for since in (series.since_commit, series.since_asked) for percent in PERCENTS]
    return [f"  {title}", f"{series.slices[0].messages:,}", *map(shown_milliseconds, figures)]


def _fan_out(live: Live) -> str:
    rows = [["Fan-out on one account", "messages a second", "server's µs a message", "Farebox's for one of these"]]
    for size, by_source in live.events.one_account.items():
        ours = by_source[FAREBOX_NAME]
        if size > 1:
            rows += [
                [
                    f"  {size:,}: {name}",
                    shown_rate(series.messages_per_second),
                    shown_figure(series.cpu_per_message.times(1e6), 1),
                    "" if series is ours else shown_figure(ours.cheapness_beside(series), 2),
                ]
                for name, series in by_source.items()
            ]
    return table(rows)


def _connections(live: Live) -> str:
    weights = ", ".join(f"{name} {weight / KIBIBYTE:.1f}" for name, weight in live.events.connection_bytes.items())
    shares = ", ".join(f"{name} {100 * share:.1f}" for name, share in live.events.idle_shares.items())
    text = (
        f"KiB of the server's memory for an idle connection with its subscription: {weights}\n"
        f"Percent of a processor that the server uses while all of them are idle: {shares}"
    )
    if live.events.tried_again > 0:
        text += f"\nSubscribers were asked to try again in a moment {live.events.tried_again:,} times."
    return text


def _hub(live: Live) -> str:
    rows = [["Of that in the hub, ms", "p50", "p99"]]
    rows += [
        [f"  {size:,} subscribers", shown_milliseconds(speed.p50, 2), shown_milliseconds(speed.p99, 2)]
        for size, speed in live.hub.items()
    ]
    return table(rows)


def _hot_path(live: Live) -> str:
    rows = [["Reserves over HTTP, 64 callers", "a second, live", "beside silent", "processor time beside silent"]]
    for arrangement, watched in (
        (Arrangement.HOT, f"{LISTENERS} subscribers"),
        (Arrangement.DISTINCT, "a subscriber each"),
    ):
        rows.append(
            [
                f"  {arrangement}, {watched}",
                shown_rate(live.hot_path.case.series[f"{LIVE_NAME}, {arrangement}"].per_second),
                shown_figure(live.hot_path.throughput_ratio(arrangement), 2),
                shown_figure(live.hot_path.cpu_ratio(arrangement), 2),
            ]
        )
    return table(rows)
