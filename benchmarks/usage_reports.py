"""Reports of a month's usage a second, over few entries and over many: the number of entries must not matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.callers import Caller, Tally
from benchmarks.contenders import statement
from benchmarks.databases import analyze, fresh_database
from benchmarks.effort import Effort
from benchmarks.rounds import Series, interleave
from benchmarks.stand import make_tenant
from models.database import Database
from rules.identity import account_id_of
from rules.ledger.commands import OpenAccount
from rules.ledger.usage_reports import UsageGroup, UsageReport, UsageRequest
from services.ledger.reads import LedgerReads
from services.ledger.usage import Usage
from services.ledger.writer import Writer
from services.price_books import PriceBooks

SEED_TIMEOUT_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class UsageSpeed:
    """Reports a second by day and model, by how many entries lie in the month."""

    reports: Mapping[int, Series]


@dataclass(frozen=True, slots=True)
class _Asking:
    name: str
    callers: Sequence[Caller]


async def measure_usage(server_dsn: str, effort: Effort) -> UsageSpeed:
    """Accounts with few and with many entries take turns, on one database, in this process."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(fresh_database(server_dsn))
        database = await stack.enter_async_context(await Database.open(dsn))
        writer = await stack.enter_async_context(Writer(database))
        tenant_id = (await make_tenant(database)).tenant_id
        usage = Usage(database, LedgerReads(database, writer, PriceBooks(database)))
        asking: dict[int, _Asking] = {}
        for entries in effort.usage_entries:
            account_id = account_id_of(tenant_id, f"{entries} entries")
            await writer.submit(OpenAccount(tenant_id, account_id, "UTC", 0, None))
            await _seed(dsn, tenant_id, account_id, entries)
            await _check(usage, tenant_id, account_id, entries)
            asking[entries] = _Asking(f"{entries} entries", [_caller(usage, tenant_id, account_id)])

        async def analyzed() -> None:
            await analyze(dsn)

        series, _ = await interleave(
            list(asking.values()),
            rounds=effort.rounds,
            seconds=effort.slice_seconds,
            warm_up_seconds=effort.warm_up_seconds,
            after_warm_up=analyzed,
            progress=lambda text: None,
        )
    return UsageSpeed({entries: series[one.name] for entries, one in asking.items()})


def last_month(today: date) -> tuple[date, date]:
    """Its first and last day."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


async def _seed(dsn: str, tenant_id: UUID, account_id: UUID, entries: int) -> None:
    connection = await asyncpg.connect(dsn, timeout=SEED_TIMEOUT_SECONDS)
    try:
        # Foreign keys need not be looked up a million times.
        await connection.execute("SET session_replication_role = replica; SET timezone = 'UTC'")
        for name, arguments in (
            ("seed_entries", (account_id, tenant_id, entries)),
            ("seed_usage_days", (account_id,)),
        ):
            await connection.execute(statement(name), *arguments, timeout=SEED_TIMEOUT_SECONDS)
    finally:
        await connection.close()


def _request(tenant_id: UUID, account_id: UUID) -> UsageRequest:
    since, until = last_month(datetime.now(UTC).date())
    return UsageRequest(tenant_id, account_id, since, until, frozenset({UsageGroup.DAY, UsageGroup.MODEL}))


def _caller(usage: Usage, tenant_id: UUID, account_id: UUID) -> Caller:
    request = _request(tenant_id, account_id)

    async def ask(tally: Tally) -> None:
        asked_at = perf_counter()
        report = await usage.report(request)
        if not isinstance(report, UsageReport):
            raise AssertionError(f"a report came to {report}")
        tally.acknowledge(asked_at, holds=0)

    return ask


async def _check(usage: Usage, tenant_id: UUID, account_id: UUID, entries: int) -> None:
    """What is measured must be the whole month: an empty report would be faster."""
    report = await usage.report(_request(tenant_id, account_id))
    if not isinstance(report, UsageReport) or report.operations != entries:
        raise AssertionError(f"a report of {entries} entries came to {report}")
