"""The cases of a run: which contenders take turns at what, each case on a fresh database that is proven afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.asking import accounts_for, reserving, reserving_and_committing
from benchmarks.contenders import Contender
from benchmarks.databases import analyze, checkpoint, fresh_database
from benchmarks.effort import TARGET_CALLERS, Effort
from benchmarks.ledger_service import LIMITS, LedgerService, LimitedLedgerService
from benchmarks.rounds import Entrant, Series, interleave
from benchmarks.stand import Arrangement, PoolSizes, make_tenant, open_stand
from models.database import Database
from services.ledger.writer import Writer

SLOW_COMMITS: Final = {"commit_delay": "1500", "commit_siblings": "0"}
"""Every flush of the log waits 1.5 ms longer, as on a slower disk."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Case:
    """What one case came to: each entrant's series by name, and the proof that nothing was lost or made up."""

    title: str
    series: Mapping[str, Series]
    contradictions: tuple[str, ...]
    holds: Mapping[str, int]
    """Holds in the database by contender's name; as many as were acknowledged, or there is a contradiction."""


async def compare(dsn: str, pools: PoolSizes, effort: Effort, callers: int, progress: Progress) -> Case:
    """All contenders on distinct accounts and on a hot one, with so many callers."""
    async with open_stand(dsn, pools) as stand:
        entrants: list[Entrant] = []
        for arrangement in Arrangement:
            accounts = await accounts_for(stand.ledger, arrangement, callers)
            entrants.append(reserving(f"ledger, {arrangement}", stand.ledger, accounts))
            if callers == TARGET_CALLERS:
                entrants.append(reserving(f"with pricing, {arrangement}", stand.priced, accounts))
            rivals: tuple[Contender, ...] = (stand.tortoise[arrangement], stand.one_call[arrangement])
            for rival in rivals:
                accounts = await accounts_for(rival, arrangement, callers)
                entrants.append(reserving(f"{rival.name}, {arrangement}", rival, accounts))
        return await _take_turns(f"{callers} callers", stand.dsn, entrants, effort, progress)


async def pair_up(dsn: str, pools: PoolSizes, effort: Effort, progress: Progress) -> Case:
    """Reserves alone beside reserves with their commits, on distinct accounts and on a hot one."""
    async with open_stand(dsn, pools) as stand:
        entrants: list[Entrant] = []
        for arrangement in Arrangement:
            accounts = await accounts_for(stand.ledger, arrangement, TARGET_CALLERS)
            entrants.append(reserving(f"reserves, {arrangement}", stand.ledger, accounts))
            entrants.append(reserving_and_committing(f"pairs, {arrangement}", stand.ledger, accounts))
        return await _take_turns("reserve + commit", stand.dsn, entrants, effort, progress)


async def crowd(dsn: str, pools: PoolSizes, effort: Effort, progress: Progress) -> Case:
    """One hot account under more and more callers."""
    async with open_stand(dsn, pools) as stand:
        hot = await accounts_for(stand.ledger, Arrangement.HOT, 1)
        entrants = [reserving(f"{callers} callers", stand.ledger, list(hot) * callers) for callers in effort.crowds]
        return await _take_turns("a crowd on one account", stand.dsn, entrants, effort, progress)


async def slow_down_commits(dsn: str, pools: PoolSizes, effort: Effort, progress: Progress) -> Case:
    """One hot account while every commit takes 1.5 ms longer."""
    async with open_stand(dsn, pools, SLOW_COMMITS) as stand:
        contenders: tuple[Contender, ...] = (stand.ledger, stand.one_call[Arrangement.HOT])
        entrants = [
            reserving(contender.name, contender, await accounts_for(contender, Arrangement.HOT, TARGET_CALLERS))
            for contender in contenders
        ]
        return await _take_turns("commits 1.5 ms slower", stand.dsn, entrants, effort, progress)


async def limit_spenders(dsn: str, effort: Effort, progress: Progress) -> Case:
    """Reserves that no limit binds beside those of a member for a project within six, distinct and hot.

    Through the whole service, where limits are loaded and counts written back.
    """
    async with AsyncExitStack() as stack:
        fresh_dsn = await stack.enter_async_context(fresh_database(dsn))
        database = await stack.enter_async_context(await Database.open(fresh_dsn))
        writer = await stack.enter_async_context(Writer(database))
        entrants: list[Entrant] = []
        # Accounts are known by their names: two tenants have two of each.
        free_tenant, limited_tenant = [(await make_tenant(database, slug)).tenant_id for slug in ("free", "limited")]
        free = LedgerService(database, writer, free_tenant)
        limited = LimitedLedgerService(database, writer, limited_tenant)
        for arrangement in Arrangement:
            for contender, number in ((free, 0), (limited, len(LIMITS))):
                accounts = await accounts_for(contender, arrangement, TARGET_CALLERS)
                entrants.append(reserving(f"{number} limits, {arrangement}", contender, accounts))
        return await _take_turns("limits", fresh_dsn, entrants, effort, progress)


async def _take_turns(title: str, dsn: str, entrants: Sequence[Entrant], effort: Effort, progress: Progress) -> Case:
    await checkpoint(dsn)
    series, holds = await interleave(
        entrants,
        rounds=effort.rounds,
        seconds=effort.slice_seconds,
        warm_up_seconds=effort.warm_up_seconds,
        after_warm_up=lambda: analyze(dsn),
        progress=lambda text: progress(f"{title}: {text}"),
    )
    progress(f"{title}: audit")
    # Entrants that share tables are proven together.
    acknowledged: dict[str, int] = {}
    in_tables: dict[str, Contender] = {}
    for entrant in entrants:
        tables = LedgerService.name if isinstance(entrant.contender, LedgerService) else entrant.contender.name
        acknowledged[tables] = acknowledged.get(tables, 0) + holds[entrant.name]
        in_tables[tables] = entrant.contender
    contradictions: list[str] = []
    counted: dict[str, int] = {}
    for tables, contender in in_tables.items():
        contradictions += [f"{tables}: {found}" for found in await contender.contradictions()]
        counted[tables] = await contender.count_holds()
        if counted[tables] != acknowledged[tables]:
            contradictions.append(
                f"{tables}: {acknowledged[tables]} holds were acknowledged, {counted[tables]} are in the database"
            )
    return Case(title, series, tuple(contradictions), counted)
