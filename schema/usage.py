"""Usage: what tokens were spent for, how work ended, and how long what is available lasts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import strawberry

from rules.ledger.usage_reports import Forecast as ForecastRecord
from rules.ledger.usage_reports import UsageReport as UsageReportRecord
from rules.ledger.usage_reports import UsageRow as UsageRowRecord
from rules.ledger.usage_reports import WorkEnds
from schema.described import output
from schema.nodes import shown_member_id
from schema.scalars import Long, TimeZone, Tokens, tokens_or_none


@output
class UsageRow:
    """What one group came to. Keys that are not grouped by are null, and so are those that the work does not have.

    Dated by the local day of the capture, in the time zone that the account had then; a refund on its own day.
    """

    date: date | None
    """The day; a week's Monday or a month's first day, even where that lies before `from`."""
    ref: str | None
    """The lines' own name."""
    model: str | None
    """The model; null for plain amounts, and for rounding at the end of holds."""
    category: str | None
    """The model's category."""
    member_id: strawberry.ID | None
    """The member."""
    project: str | None
    """The project."""
    tokens: Tokens
    """Tokens charged and not given back; negative where more was given back than charged."""
    refunded: Tokens
    """Tokens given back."""
    uses: int
    """How many uses were captured: the sum of the lines' counts."""
    average_per_use: Tokens | None
    """`tokens` by `uses`, to the nearest micro-token; null without uses."""


@output
class WorkReport:
    """How the work of these days ended: every hold that did, whether it had been captured from or not."""

    committed: Long
    """Paid for, by a final commit or a charge."""
    cancelled: Long
    """Released as called off."""
    failed: Long
    """Released as failed."""
    filtered: Long
    """Released because a content filter withheld the result."""
    timed_out: Long
    """Released because it took too long."""
    expired: Long
    """Neither committed nor released in time."""
    failed_percent: str | None
    """Of 100 works, how many failed or timed out: a decimal string with one digit after the point.

    Null without work."""
    filtered_percent: str | None
    """Of 100 works, how many were filtered, in the same form."""


@output
class UsageReport:
    """What an account's tokens were spent for. The sums equal the journal to the unit."""

    rows: list[UsageRow]
    """By date, then by tokens, the most first; at most 10,000, else the report is refused."""
    total: Tokens
    """Tokens charged and not given back, in all."""
    operations: int
    """How many lines were captured."""
    work: WorkReport | None
    """How work ended, of the same member and project; null for one model alone, because a work may have several."""
    time_zone: TimeZone
    """The account's time zone now."""
    as_of: datetime
    """When the account's latest entry was made; every one up to it is counted."""


@output
class Forecast:
    """How long what is available lasts, if usage stays as it was. What expires or comes in meanwhile is left aside."""

    average_per_day: Tokens
    """Tokens charged and not given back, on an average day."""
    days_left: int | None
    """For how many days of that what is available lasts; null when nothing is spent, when the account is unlimited, and
    beyond a century."""
    runs_out_on: date | None
    """The local day of that; null like `daysLeft`."""
    basis: int
    """From how many days: the last 28 whole ones, fewer where the account is younger, 1 on its first day."""


def shown_report(account_id: UUID, report: UsageReportRecord) -> UsageReport:
    """A report as it is shown."""
    return UsageReport(
        rows=[_shown_row(account_id, row) for row in report.rows],
        total=Tokens(report.tokens),
        operations=report.operations,
        work=None if report.works is None else _shown_works(report.works),
        time_zone=TimeZone(report.time_zone),
        as_of=report.as_of,
    )


def shown_forecast(forecast: ForecastRecord) -> Forecast:
    """A forecast as it is shown."""
    return Forecast(
        average_per_day=Tokens(forecast.average_per_day),
        days_left=forecast.days_left,
        runs_out_on=forecast.runs_out_on,
        basis=forecast.basis,
    )


def _shown_row(account_id: UUID, row: UsageRowRecord) -> UsageRow:
    return UsageRow(
        date=row.day,
        ref=row.ref,
        model=row.model,
        category=row.category,
        member_id=shown_member_id(account_id, row.member_id),
        project=row.project,
        tokens=Tokens(row.tokens),
        refunded=Tokens(row.refunded),
        uses=row.uses,
        average_per_use=tokens_or_none(row.average_per_use),
    )


def _shown_works(works: WorkEnds) -> WorkReport:
    return WorkReport(
        committed=Long(works.committed),
        cancelled=Long(works.cancelled),
        failed=Long(works.failed),
        filtered=Long(works.filtered),
        timed_out=Long(works.timed_out),
        expired=Long(works.expired),
        failed_percent=_shown_tenths(works.failed_tenths),
        filtered_percent=_shown_tenths(works.filtered_tenths),
    )


def _shown_tenths(tenths: int | None) -> str | None:
    return None if tenths is None else f"{tenths // 10}.{tenths % 10}"
