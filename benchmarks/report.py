"""A run's figures as aligned tables, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cases import Case
from benchmarks.core_speed import CoreSpeed
from benchmarks.effort import Effort
from benchmarks.estimates import EstimateSpeed
from benchmarks.ledger_service import LIMITS
from benchmarks.live import Live
from benchmarks.live_report import live_as_json, live_tables
from benchmarks.machine import OTHERS_PERCENT_MAX
from benchmarks.pool_sweep import Sweep
from benchmarks.rounds import Series
from benchmarks.stand import Arrangement
from benchmarks.tables import shown_figure, shown_milliseconds, shown_rate, shown_ratio, table
from benchmarks.targets import GATE_PERCENT, Target
from benchmarks.usage_reports import UsageSpeed


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one run found out."""

    effort: Effort
    machine: Mapping[str, str]
    postgres: Mapping[str, str]
    sweeps: Sequence[Sweep]
    comparisons: Mapping[int, Case]
    """By number of callers."""
    pairs: Case
    crowd: Case
    slow: Case
    limited: Case
    core: CoreSpeed
    estimates: EstimateSpeed
    usage: UsageSpeed
    live: Live
    targets: Sequence[Target]
    others_percent: int | None
    """Which share of the machine other programs took meanwhile; None where that cannot be known."""
    seconds: float

    @property
    def cases(self) -> list[Case]:
        """All cases in the order they ran."""
        return [*self.comparisons.values(), self.pairs, self.crowd, self.slow, self.limited, self.live.hot_path.case]


def as_text(run: Run) -> str:
    """The whole report."""
    parts = [
        _listed("Machine", run.machine),
        _listed("Postgres", run.postgres),
        _sweeps(run.sweeps),
        _comparisons(run.comparisons),
        _series(
            "Operations a second: reserves alone, and reserves each with its commit (both count), 64 callers",
            run.pairs,
        ),
        _crowd(run.crowd),
        _series("Reserves a second on one hot account, commits 1.5 ms slower, 64 callers", run.slow),
        _limited(run.limited),
        _core(run.core),
        _estimates(run.estimates),
        _usage(run.usage),
        *live_tables(run.live),
        _proofs(run.cases),
        _targets(run.targets),
        _others(run.others_percent),
        f"{run.effort.rounds} rounds of {run.effort.slice_seconds:g} s, in turns; median (least..most). "
        f"{run.seconds:.0f} s in all.",
    ]
    return "\n\n".join(parts)


def limits_as_text(case: Case, effort: Effort) -> str:
    """The report of the reserves within limits alone."""
    taken = f"{effort.rounds} rounds of {effort.slice_seconds:g} s, in turns; median (least..most)."
    return "\n\n".join([_limited(case), _proofs([case]), taken])


def live_as_text(
    live: Live, targets: Sequence[Target], effort: Effort, others_percent: int | None, seconds: float
) -> str:
    """The report of the live part alone."""
    taken = f"{effort.rounds} rounds, in turns; median (least..most). {seconds:.0f} s in all."
    return "\n\n".join(
        [
            "Subscribers, servers and Postgres share the cores.",
            *live_tables(live),
            _proofs([live.hot_path.case]),
            _targets(targets),
            _others(others_percent),
            taken,
        ]
    )


def as_json(run: Run) -> dict[str, Any]:
    """The same for programs; rates a second, latencies in seconds."""
    return {
        "effort": asdict(run.effort),
        "machine": dict(run.machine),
        "postgres": dict(run.postgres),
        "pools": [
            {"rival": sweep.rival, "arrangement": sweep.arrangement, "perSecond": dict(sweep.per_second)}
            for sweep in run.sweeps
        ],
        "cases": [
            {
                "title": case.title,
                "entrants": {name: _as_json(series) for name, series in case.series.items()},
                "holds": dict(case.holds),
                "contradictions": list(case.contradictions),
            }
            for case in run.cases
        ],
        "core": asdict(run.core),
        "estimates": {
            "inProcess": {lines: _as_json(series) for lines, series in run.estimates.in_process.items()},
            "overHttp": {lines: _as_json(series) for lines, series in run.estimates.over_http.items()},
            "bare": _as_json(run.estimates.bare),
        },
        "usage": {entries: _as_json(series) for entries, series in run.usage.reports.items()},
        "live": live_as_json(run.live),
        "targets": [{**asdict(target), "isMet": target.is_met, "passes": target.passes} for target in run.targets],
        "othersPercent": run.others_percent,
        "seconds": run.seconds,
    }


def _as_json(series: Series) -> dict[str, Any]:
    return {
        "perSecond": [part.per_second for part in series.slices],
        "p50Seconds": [part.latency(50) for part in series.slices],
        "p99Seconds": [part.latency(99) for part in series.slices],
    }


def _listed(title: str, values: Mapping[str, str]) -> str:
    return f"{title}: " + ", ".join(f"{name} {value}" for name, value in values.items())


def _sweeps(sweeps: Sequence[Sweep]) -> str:
    sizes = list(sweeps[0].per_second)
    rows = [["Rivals' reserves a second by connections", *(str(size) for size in sizes), "best"]]
    rows += [
        [
            f"  {sweep.rival}, {sweep.arrangement}",
            *(f"{sweep.per_second[size]:,.0f}" for size in sizes),
            str(sweep.best),
        ]
        for sweep in sweeps
    ]
    return table(rows)


def _comparisons(comparisons: Mapping[int, Case]) -> str:
    rows = [["Reserves a second", "ledger", "with pricing", "tortoise", "x", "one call", "x"]]
    for arrangement in Arrangement:
        for callers, case in comparisons.items():
            ledger = case.series[f"ledger, {arrangement}"]
            tortoise = case.series[f"tortoise, {arrangement}"]
            one_call = case.series[f"one call, {arrangement}"]
            priced = case.series.get(f"with pricing, {arrangement}")
            rows.append(
                [
                    f"  {arrangement}, {callers} callers",
                    shown_rate(ledger.per_second),
                    shown_rate(priced.per_second) if priced is not None else "",
                    shown_rate(tortoise.per_second),
                    shown_ratio(ledger.ratio_to(tortoise)),
                    shown_rate(one_call.per_second),
                    shown_ratio(ledger.ratio_to(one_call)),
                ]
            )
    return table(rows)


def _series(title: str, case: Case) -> str:
    return f"{title}\n" + table([[f"  {name}", shown_rate(series.per_second)] for name, series in case.series.items()])


def _crowd(case: Case) -> str:
    rows = [["One hot account", "reserves a second", "p50 ms", "p99 ms"]]
    rows += [
        [
            f"  {name}",
            shown_rate(series.per_second),
            shown_milliseconds(series.latency(50)),
            shown_milliseconds(series.latency(99)),
        ]
        for name, series in case.series.items()
    ]
    return table(rows)


def _limited(case: Case) -> str:
    rows = [["Reserves a second, 64 callers", "0 limits", f"{len(LIMITS)} limits", "x"]]
    for arrangement in Arrangement:
        free = case.series[f"0 limits, {arrangement}"]
        limited = case.series[f"{len(LIMITS)} limits, {arrangement}"]
        rows.append(
            [
                f"  {arrangement}",
                shown_rate(free.per_second),
                shown_rate(limited.per_second),
                shown_figure(limited.ratio_to(free), 2),
            ]
        )
    return table(rows)


def _core(core: CoreSpeed) -> str:
    return "The core alone\n" + table(
        [
            ["  a reserve decided, µs", shown_figure(core.reserve_microseconds, 1)],
            ["  the same within six limits, µs", shown_figure(core.limited_reserve_microseconds, 1)],
            ["  lines priced a second, one at a time", shown_rate(core.single_lines_per_second)],
            ["  lines priced a second, 20 at a time", shown_rate(core.workflow_lines_per_second)],
        ]
    )


def _estimates(speed: EstimateSpeed) -> str:
    rows = [["Estimates a second", "in-process", "over HTTP", "p99 ms", "x bare Starlette"]]
    for lines, over_http in speed.over_http.items():
        rows.append(
            [
                f"  {lines} line" if lines == 1 else f"  {lines} lines",
                shown_rate(speed.in_process[lines].per_second),
                shown_rate(over_http.per_second),
                shown_milliseconds(over_http.latency(99)),
                shown_figure(over_http.ratio_to(speed.bare), 2),
            ]
        )
    rows.append(
        [
            "  bare Starlette, a JSON echo",
            "",
            shown_rate(speed.bare.per_second),
            shown_milliseconds(speed.bare.latency(99)),
            "",
        ]
    )
    return table(rows)


def _usage(speed: UsageSpeed) -> str:
    rows = [["A month's usage by day and model", "reports a second", "p99 ms"]]
    rows += [
        [f"  over {entries:,} entries", shown_rate(series.per_second), shown_milliseconds(series.latency(99))]
        for entries, series in speed.reports.items()
    ]
    return table(rows)


def _proofs(cases: Sequence[Case]) -> str:
    lines = ["Audits"]
    for case in cases:
        holds = ", ".join(f"{name} {count:,}" for name, count in case.holds.items())
        verdict = "clean" if not case.contradictions else f"{len(case.contradictions)} CONTRADICTIONS"
        lines.append(f"  {case.title}: {verdict}; holds acknowledged and found: {holds}")
        lines += [f"    {found}" for found in case.contradictions[:10]]
    return "\n".join(lines)


def _targets(targets: Sequence[Target]) -> str:
    rows = [["Targets (64 callers unless said otherwise)", "wanted", "reached", f"at {GATE_PERCENT} %", "met"]]
    for target in targets:
        digits = 0 if target.wanted >= 100 else 2 if target.wanted <= 2 else 1
        bound = "≤" if target.at_most else "≥"
        rows.append(
            [
                f"  {target.name}",
                f"{bound} {target.wanted:,g} {target.unit}",
                shown_figure(target.reached, digits),
                "PASS" if target.passes else "FAIL",
                "yes" if target.is_met else "no",
            ]
        )
    return table(rows)


def _others(percent: int | None) -> str:
    if percent is None:
        return "How much of the machine other programs took is not known here."
    if percent <= OTHERS_PERCENT_MAX:
        return f"Other programs took {percent} % of the machine."
    return (
        f"BUSY MACHINE: other programs took {percent} % of it. Do not trust these figures, nor the ratios; run again."
    )
