"""What the ledger is to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.cases import Case
from benchmarks.core_speed import CoreSpeed
from benchmarks.estimates import EstimateSpeed
from benchmarks.rounds import Series, Spread
from benchmarks.usage_reports import UsageSpeed

GATE_PERCENT: Final = 80
"""On a noisy machine a target fails only below this share of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One figure to reach. `at_most`: the figure is a bound from above."""

    name: str
    wanted: float
    reached: Spread
    unit: str = "x"
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the target itself."""
        return self.reached.median <= self.wanted if self.at_most else self.reached.median >= self.wanted

    @property
    def passes(self) -> bool:
        """Whether the median comes within GATE_PERCENT of the target."""
        if self.at_most:
            return self.reached.median * GATE_PERCENT <= self.wanted * 100
        return self.reached.median * 100 >= self.wanted * GATE_PERCENT


def judge(
    comparison: Case,
    pairs: Case,
    crowd: Case,
    slow: Case,
    core: CoreSpeed,
    estimates: EstimateSpeed,
    usage: UsageSpeed,
) -> list[Target]:
    """The targets, from the cases with TARGET_CALLERS callers."""
    at = comparison.series
    ledger_hot, ledger_distinct = at["ledger, hot"], at["ledger, distinct"]
    first, last = _ends(crowd.series)
    few, many = usage.reports.items()
    return [
        Target("one hot account beside plain Tortoise", 30, ledger_hot.ratio_to(at["tortoise, hot"])),
        Target("one hot account beside one call per request", 10, ledger_hot.ratio_to(at["one call, hot"])),
        Target("distinct accounts beside plain Tortoise", 12, ledger_distinct.ratio_to(at["tortoise, distinct"])),
        Target("distinct accounts beside one call per request", 3, ledger_distinct.ratio_to(at["one call, distinct"])),
        Target("one hot account beside distinct ones", 1, ledger_hot.ratio_to(ledger_distinct)),
        Target(
            "reserve + commit beside reserves alone, distinct",
            0.75,
            pairs.series["pairs, distinct"].ratio_to(pairs.series["reserves, distinct"]),
        ),
        Target(
            "reserve + commit beside reserves alone, hot",
            0.75,
            pairs.series["pairs, hot"].ratio_to(pairs.series["reserves, hot"]),
        ),
        Target(
            "hot, commits 1.5 ms slower, beside one call per request",
            25,
            slow.series["ledger"].ratio_to(slow.series["one call"]),
        ),
        Target(f"hot, {last[0]} beside {first[0]}", 1, last[1].ratio_to(first[1])),
        Target(f"hot, {last[0]}, p99", 120, last[1].latency(99).times(1_000), "ms", at_most=True),
        Target("lines priced a second, one at a time", 100_000, core.single_lines_per_second, "/s"),
        Target("lines priced a second, a workflow at a time", 100_000, core.workflow_lines_per_second, "/s"),
        Target(
            "an estimate of one line over HTTP beside a bare Starlette JSON endpoint",
            0.3,
            estimates.over_http[1].ratio_to(estimates.bare),
        ),
        Target(f"a month's usage over {many[0]:,} entries beside {few[0]:,}", 0.8, many[1].ratio_to(few[1])),
    ]


def all_pass(targets: Sequence[Target], cases: Sequence[Case]) -> bool:
    """Whether every target passes and every case was proven clean."""
    return all(target.passes for target in targets) and not any(case.contradictions for case in cases)


def _ends(series: Mapping[str, Series]) -> tuple[tuple[str, Series], tuple[str, Series]]:
    found = list(series.items())
    return found[0], found[-1]
