"""Usage: what tokens were spent for, how work ended, and how long what is available lasts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import NOTHING, Sums
from rules.ledger.usage_events import UsageEvent as UsageEventRecord
from rules.ledger.usage_reports import Forecast as ForecastRecord
from rules.ledger.usage_reports import UsageReport as UsageReportRecord
from rules.ledger.usage_reports import UsageRow as UsageRowRecord
from rules.ledger.usage_reports import WorkEnds
from schema.described import output
from schema.nodes import shown_id, shown_member_id
from schema.scalars import Long, TimeZone, Tokens, Version, tokens_or_none


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
class UsageSum:
    """What tokens were charged for, in one sum. Keys that it is not told apart by are null, and so are those that the
    work does not have."""

    date: date | None
    """The local day of the captures, in the time zone that the account had then; of refunds their own day."""
    model: str | None
    """The model; null for plain amounts, and for rounding at the end of holds."""
    category: str | None
    """The model's category."""
    member_id: strawberry.ID | None
    """The member; null where the credential does not see members apart."""
    project: str | None
    """The project."""
    tokens: Tokens
    """Tokens charged and not given back; negative where more was given back than charged."""
    refunded: Tokens
    """Tokens given back."""
    uses: Long
    """How many uses were captured: the sum of the lines' counts."""
    operations: Long
    """How many lines were captured."""


@output
class UsageEvent:
    """An account's usage as it happens. (version, asOf) of one subscription's events only rise.

    Who adds up `rows` by their keys from the snapshot on has the day by model, category, member and project, and each
    later capture and refund exactly once; `today` is whole in every event.
    """

    account_id: strawberry.ID
    """Whose usage it is."""
    member_id: strawberry.ID | None
    """The member whose usage alone is told."""
    project: str | None
    """The project whose usage alone is told."""
    version: Version
    """The number of the latest journal entry that is counted."""
    as_of: datetime
    """The later of that entry's instant and the beginning of the day."""
    snapshot: bool
    """Whether `rows` are what the day came to so far, in place of all that was told before; else they are what came
    since the event before."""
    today: UsageSum
    """All of the account's running local day."""
    day_ends_at: datetime
    """The local midnight at which the next day begins; an event tells of it also where nothing happens then."""
    rows: list[UsageSum]
    """By day, model, category, member and project, at most 200: those with the most tokens charged and given back,
    the most first."""
    rest: UsageSum | None
    """What does not fit into `rows`, in one sum without keys; null where everything does."""


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


def shown_usage_event(event: UsageEventRecord) -> UsageEvent:
    """What is told of usage as it is shown."""
    account_id, view, day = event.position.account_id, event.view, event.position.day
    today = UsageKey(day.day, view.member_id, view.project, None, None)
    rest = event.added.rest
    return UsageEvent(
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        member_id=shown_member_id(account_id, view.member_id),
        project=view.project,
        version=Version(event.version),
        as_of=event.as_of,
        snapshot=event.snapshot,
        today=_shown_sum(account_id, today, event.today),
        day_ends_at=day.ends_at,
        rows=[_shown_sum(account_id, key, sums) for key, sums in event.added.rows.items()],
        rest=None if rest == NOTHING else _shown_sum(account_id, None, rest),
    )


def shown_forecast(forecast: ForecastRecord) -> Forecast:
    """A forecast as it is shown."""
    return Forecast(
        average_per_day=Tokens(forecast.average_per_day),
        days_left=forecast.days_left,
        runs_out_on=forecast.runs_out_on,
        basis=forecast.basis,
    )


def _shown_sum(account_id: UUID, key: UsageKey | None, sums: Sums) -> UsageSum:
    return UsageSum(
        date=None if key is None else key.day,
        model=None if key is None else key.model,
        category=None if key is None else key.category,
        member_id=None if key is None else shown_member_id(account_id, key.member_id),
        project=None if key is None else key.project,
        tokens=Tokens(sums.tokens),
        refunded=Tokens(sums.refunded),
        uses=Long(sums.uses),
        operations=Long(sums.operations),
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
