"""The live part of a run: how fast events are, what they weigh, what they cost, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.cases import Progress
from benchmarks.effort import FAN_OUT_SUBSCRIBERS, LATENCY_SUBSCRIBERS, Effort
from benchmarks.live_events import BARE_NAME, FAREBOX_NAME, STRAWBERRY_NAME, LiveSpeed, measure_live
from benchmarks.live_hot_path import HotPath, load_hot_path
from benchmarks.live_hub import HubSpeed, measure_hub
from benchmarks.rounds import Spread
from benchmarks.stand import Arrangement
from benchmarks.targets import Target

KIBIBYTE = 1_024


@dataclass(frozen=True, slots=True)
class Live:
    """What the live part found out."""

    events: LiveSpeed
    hub: Mapping[int, HubSpeed]
    """By number of subscribers, up to LATENCY_SUBSCRIBERS."""
    hot_path: HotPath


async def measure_live_part(dsn: str, effort: Effort, progress: Progress) -> Live:
    """All of it, on databases copied from the template."""
    return Live(
        await measure_live(dsn, effort, progress),
        await measure_hub(dsn, effort, progress),
        await load_hot_path(dsn, effort, progress),
    )


def judge_live(live: Live) -> list[Target]:
    """Latency at LATENCY_SUBSCRIBERS, fan-out at FAN_OUT_SUBSCRIBERS. Costs are compared by processor time.

    That is what a busy machine distorts least: how many a second there are depends on who else runs.
    """
    near = live.events.one_account[LATENCY_SUBSCRIBERS][FAREBOX_NAME]
    wide = live.events.one_account[FAN_OUT_SUBSCRIBERS]
    fan_out = f"fan-out to {FAN_OUT_SUBSCRIBERS:,} beside"
    weight = live.events.connection_bytes[FAREBOX_NAME] / KIBIBYTE
    costs = {arrangement: live.hot_path.cpu_ratio(arrangement) for arrangement in Arrangement}
    return [
        Target(
            f"commit to client, {LATENCY_SUBSCRIBERS} subscribers, p99",
            5,
            near.since_commit(99).times(1_000),
            "ms",
            at_most=True,
        ),
        Target(
            f"of that in the hub, {LATENCY_SUBSCRIBERS} subscribers, p99",
            1,
            live.hub[LATENCY_SUBSCRIBERS].p99.times(1_000),
            "ms",
            at_most=True,
        ),
        Target(f"{fan_out} a bare websocket", 0.9, wide[FAREBOX_NAME].cheapness_beside(wide[BARE_NAME])),
        Target(f"{fan_out} Strawberry's", 8, wide[FAREBOX_NAME].cheapness_beside(wide[STRAWBERRY_NAME])),
        Target("memory of a connection", 24, Spread(weight, weight, weight), "KiB", at_most=True),
        *(
            Target(f"a reserve with live events beside without, {arrangement}", 1.05, cost, at_most=True)
            for arrangement, cost in costs.items()
        ),
    ]
