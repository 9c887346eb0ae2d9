"""`python -m benchmarks`: measures the ledger beside its rivals and prints what came out."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
import uvloop

from benchmarks.cases import Case, compare, crowd, limit_spenders, pair_up, slow_down_commits
from benchmarks.core_speed import measure_core
from benchmarks.databases import durable_postgres, make_template, show_settings
from benchmarks.effort import FULL, QUICK, TARGET_CALLERS, Effort
from benchmarks.estimates import measure_estimates
from benchmarks.live import judge_live, measure_live_part
from benchmarks.machine import CpuReading, find_postmaster, read_cpu
from benchmarks.pool_sweep import best_sizes, sweep_pools
from benchmarks.progress import ProgressLine
from benchmarks.report import Run, as_json, as_text, limits_as_text, live_as_text
from benchmarks.targets import all_pass, judge
from benchmarks.usage_reports import measure_usage
from server.garbage import look_for_garbage_less_often

EXIT_MISSED = 1


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes: fewer callers, shorter slices.")] = False,
    gate: Annotated[bool, typer.Option("--gate", help="Exit code 1 where a target or an audit fails.")] = False,
    limits: Annotated[bool, typer.Option("--limits", help="The reserves within limits alone; no target.")] = False,
    live: Annotated[bool, typer.Option("--live", help="The live part alone: subscribers and their events.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every round's figures here.")] = None,
) -> None:
    """Measures the ledger and its live events beside other ways to do the same, on one durable Postgres."""
    effort = QUICK if quick else FULL
    # As in every process that serves; it helps whoever is measured here.
    look_for_garbage_less_often()
    if limits and live:
        raise typer.BadParameter("--limits and --live are parts of a run; ask for one of them, or for neither")
    if limits:
        if gate or json_file is not None:
            raise typer.BadParameter("--gate and --json are of a whole run")
        with durable_postgres() as dsn, ProgressLine(sys.stderr) as progress:
            case = uvloop.run(_measure_limits(dsn, effort, progress))
        typer.echo(limits_as_text(case, effort))
        raise typer.Exit(EXIT_MISSED if case.contradictions else 0)
    if live:
        if json_file is not None:
            raise typer.BadParameter("--json is of a whole run")
        with durable_postgres() as dsn, ProgressLine(sys.stderr) as progress:
            text, passes = uvloop.run(_measure_live(dsn, effort, progress))
        typer.echo(text)
        raise typer.Exit(EXIT_MISSED if gate and not passes else 0)
    with durable_postgres() as dsn, ProgressLine(sys.stderr) as progress:
        run = uvloop.run(_measure(dsn, effort, progress))
    typer.echo(as_text(run))
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(run), indent=2) + "\n", encoding="utf-8")
    if gate and not all_pass(run.targets, run.cases):
        raise typer.Exit(EXIT_MISSED)


async def _measure_limits(dsn: str, effort: Effort, progress: ProgressLine) -> Case:
    await make_template(dsn)
    return await limit_spenders(dsn, effort, progress)


async def _measure_live(dsn: str, effort: Effort, progress: ProgressLine) -> tuple[str, bool]:
    started = monotonic()
    postmaster = await find_postmaster(dsn)
    cpu_before = read_cpu(postmaster)
    await make_template(dsn)
    measured = await measure_live_part(dsn, effort, progress)
    targets = judge_live(measured)
    others_percent = _others_percent(cpu_before, read_cpu(postmaster))
    text = live_as_text(measured, targets, effort, others_percent, monotonic() - started)
    return text, all_pass(targets, [measured.hot_path.case])


def _others_percent(before: CpuReading | None, after: CpuReading | None) -> int | None:
    return after.others_percent_since(before) if after and before else None


async def _measure(dsn: str, effort: Effort, progress: ProgressLine) -> Run:
    started = monotonic()
    machine = {
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "event loop": "uvloop",
        "load generator": "in the same process",
    }
    postmaster = await find_postmaster(dsn)
    cpu_before = read_cpu(postmaster)
    core = measure_core(effort.rounds)
    await make_template(dsn)
    postgres = await show_settings(dsn)
    sweeps = await sweep_pools(dsn, effort, progress)
    pools = best_sizes(sweeps)
    comparisons = {callers: await compare(dsn, pools, effort, callers, progress) for callers in effort.callers}
    pairs = await pair_up(dsn, pools, effort, progress)
    crowded = await crowd(dsn, pools, effort, progress)
    slow = await slow_down_commits(dsn, pools, effort, progress)
    limited = await limit_spenders(dsn, effort, progress)
    progress("estimates")
    estimates = await measure_estimates(dsn, effort)
    progress("usage")
    usage = await measure_usage(dsn, effort)
    live = await measure_live_part(dsn, effort, progress)
    cpu_after = read_cpu(postmaster)
    return Run(
        effort=effort,
        machine=machine,
        postgres=postgres,
        sweeps=sweeps,
        comparisons=comparisons,
        pairs=pairs,
        crowd=crowded,
        slow=slow,
        limited=limited,
        core=core,
        estimates=estimates,
        usage=usage,
        live=live,
        others_percent=_others_percent(cpu_before, cpu_after),
        targets=[
            *judge(comparisons[TARGET_CALLERS], pairs, crowded, slow, core, estimates, usage),
            *judge_live(live),
        ],
        seconds=monotonic() - started,
    )


if __name__ == "__main__":
    typer.run(main)
