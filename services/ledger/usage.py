"""Usage: reports, forecasts and exports from the ledger's sums by local day. What is due is settled first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from models.database import Database
from models.ledger import rows
from models.statements import statement
from rules.ledger.journal import Entry
from rules.ledger.local_days import local_day
from rules.ledger.records import EntryFilter
from rules.ledger.refusals import NotFound
from rules.ledger.usage_reports import (
    ROWS_MAX,
    Forecast,
    UsageGroup,
    UsageReport,
    UsageRequest,
    UsageRow,
    WorkEnds,
    fault_of_usage_request,
    forecast,
    forecast_period,
    too_many_rows,
)
from rules.pricing.refusals import InvalidInput
from services.ledger.reads import LedgerReads
from services.texts import fault_of_label, first_fault

BY_REF_ENTRIES_MAX: Final = 2_000_000
"""Entries among which a report by REF may look for its lines: some seconds of the database."""

EXPORT_ROWS_MAX: Final = 100_000
"""Rows of one exported report, about ten megabytes; it is kept whole until it is known to be complete."""

EXPORT_PAGE_ROWS: Final = 1_000
"""Rows of an export that are read at a time."""

_ALL_ZONES: Final = timedelta(days=1)
"""No time zone is further from UTC."""


class Usage:
    """What the tokens of one account were spent for."""

    def __init__(self, database: Database, reads: LedgerReads) -> None:
        self._database = database
        self._reads = reads

    async def report(self, request: UsageRequest) -> UsageReport | NotFound | InvalidInput:
        """Usage by local days, grouped as asked."""
        fault = _fault(request)
        async with self._reads.settled(request.tenant_id, request.account_id) as (connection, reading):
            if reading is None:
                return NotFound("account")
            if fault is not None:
                return fault
            query = await _query(connection, request, ROWS_MAX)
            if isinstance(query, InvalidInput):
                return query
            found = await connection.fetch(query.text, *query.arguments)
            if len(found) > ROWS_MAX:
                return too_many_rows(ROWS_MAX)
            works = await _works(connection, request) if request.model is None else None
        return UsageReport(tuple(map(_row, found)), reading.account.time_zone, reading.as_of, works)

    async def forecast(self, tenant_id: UUID, account_id: UUID) -> Forecast | None:
        """How long what is available lasts at the pace of the last days; None for an unknown account."""
        async with self._reads.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return None
            account = reading.account
            today = local_day(account.time_zone, reading.now)
            since, until = forecast_period(local_day(account.time_zone, account.created_at), today)
            spent = await connection.fetchval(statement("sum_spent"), account_id, since, until, None)
        return forecast(spent, (until - since).days + 1, None if account.unlimited else account.available, today)

    async def usage_of_member(
        self, tenant_id: UUID, account_id: UUID, member_id: UUID, since: date | None, until: date | None
    ) -> int:
        """Micro-tokens that a member was charged and not given back, from one local day through another.

        A day that is None bounds nothing. 0 for an unknown account or member.
        """
        async with self._reads.settled(tenant_id, account_id) as (connection, reading):
            if reading is None:
                return 0
            spent: int = await connection.fetchval(statement("sum_spent"), account_id, since, until, member_id)
        return spent

    async def export(
        self, request: UsageRequest, take: Callable[[list[UsageRow]], None]
    ) -> NotFound | InvalidInput | None:
        """Hands the rows of a report over, page by page from one snapshot, at the database's pace.

        A refusal may come after some pages: what was taken then is not the report.
        """
        reading = await self._reads.read(request.tenant_id, request.account_id)
        if reading is None:
            return NotFound("account")
        fault = _fault(request)
        if fault is not None:
            return fault
        # A cursor sees what was there when it began.
        async with self._database.tenant(request.tenant_id) as connection:
            query = await _query(connection, request, EXPORT_ROWS_MAX)
            if isinstance(query, InvalidInput):
                return query
            cursor, taken = await connection.cursor(query.text, *query.arguments), 0
            while found := await cursor.fetch(EXPORT_PAGE_ROWS):
                taken += len(found)
                if taken > EXPORT_ROWS_MAX:
                    return too_many_rows(EXPORT_ROWS_MAX)
                take(list(map(_row, found)))
        return None

    async def export_entries(
        self, tenant_id: UUID, account_id: UUID, wanted: EntryFilter
    ) -> AsyncIterator[list[Entry]] | NotFound:
        """The journal, oldest first, page by page, up to the entry that is its latest now."""
        reading = await self._reads.read(tenant_id, account_id)
        if reading is None:
            return NotFound("account")
        return self._entries(tenant_id, account_id, wanted, reading.version)

    async def _entries(
        self, tenant_id: UUID, account_id: UUID, wanted: EntryFilter, latest: int
    ) -> AsyncIterator[list[Entry]]:
        after = wanted.after_version or 0
        kinds = sorted(wanted.kinds) if wanted.kinds is not None else None
        while True:
            # The journal only grows, so pages belong together although each has a snapshot of its own.
            async with self._database.reader(tenant_id) as connection:
                found = await connection.fetch(
                    statement("export_entries"),
                    account_id,
                    latest,
                    after,
                    kinds,
                    wanted.member_id,
                    wanted.project,
                    wanted.model,
                    wanted.since,
                    wanted.before,
                    EXPORT_PAGE_ROWS,
                )
            if found:
                yield [rows.read_entry(tuple(row)) for row in found]
                after = found[-1]["version"]
            if len(found) < EXPORT_PAGE_ROWS:
                return


class _Query(NamedTuple):
    text: str
    arguments: tuple[object, ...]


def _fault(request: UsageRequest) -> InvalidInput | None:
    return first_fault(
        fault_of_label("project", request.project),
        fault_of_label("model", request.model),
        fault_of_usage_request(request),
    )


async def _query(connection: asyncpg.Connection, request: UsageRequest, rows_max: int) -> _Query | InvalidInput:
    """What gives the rows, and one more than may come where there are more."""
    arguments = (
        request.account_id,
        request.since,
        request.until,
        sorted(request.groups),
        request.member_id,
        request.project,
        request.model,
        rows_max + 1,
    )
    if UsageGroup.REF not in request.groups:
        return _Query(statement("sum_usage"), arguments)
    bounds = await connection.fetchrow(
        statement("find_versions_between"),
        request.account_id,
        datetime.combine(request.since, time(), UTC) - _ALL_ZONES,
        datetime.combine(request.until, time(), UTC) + 2 * _ALL_ZONES,
    )
    first, last = (bounds["first"] or 0, bounds["last"] or 0) if bounds is not None else (0, 0)
    if last - first >= BY_REF_ENTRIES_MAX:
        message = f"more than {BY_REF_ENTRIES_MAX} entries lie in these days: ask for fewer, or do without REF"
        return InvalidInput("to", message)
    return _Query(statement("sum_usage_by_ref"), (*arguments, first, last))


async def _works(connection: asyncpg.Connection, request: UsageRequest) -> WorkEnds:
    found = await connection.fetch(
        statement("count_works"), request.account_id, request.since, request.until, request.member_id, request.project
    )
    return WorkEnds.of({row["outcome"]: row["works"] for row in found})


def _row(row: asyncpg.Record) -> UsageRow:
    return UsageRow(*row)
