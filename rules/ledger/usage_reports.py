"""Usage reports: what is asked of the sums by day, what comes out, and what lies ahead. Amounts are micro-tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.ledger.kinds import HoldState, WorkOutcome
from rules.ledger.requests import AccountRequest
from rules.pricing.refusals import InvalidInput

ROWS_MAX: Final = 10_000
"""Rows of one report; an answer of some megabytes."""

DAYS_MAX: Final = 3_660
"""Ten years; more is a slip of the keyboard."""

BY_DAY_DAYS_MAX: Final = 366
"""A report by day takes a year."""

BY_REF_DAYS_MAX: Final = 31
"""Lines' own names are not summed up beforehand: such a report reads the lines themselves."""

FORECAST_DAYS: Final = 28
"""Four whole weeks, so that no day of the week weighs more than another."""

FORECAST_DAYS_LEFT_MAX: Final = 36_500
"""What lasts for a century is not said to run out."""


_EARLIEST: Final = date(1970, 1, 1)
_LATEST: Final = date(9000, 1, 1)
"""So that the days around them are days as well."""


class UsageGroup(StrEnum):
    """What a report is grouped by."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    MODEL = "MODEL"
    CATEGORY = "CATEGORY"
    MEMBER = "MEMBER"
    PROJECT = "PROJECT"
    REF = "REF"


DATES: Final = frozenset({UsageGroup.DAY, UsageGroup.WEEK, UsageGroup.MONTH})
"""Groups that are told by a date: its own, a week's Monday, a month's first day."""


@dataclass(frozen=True, slots=True)
class UsageRequest(AccountRequest):
    """Usage from one local day through another, both included; only of this member, project and model where given."""

    since: date
    until: date
    groups: frozenset[UsageGroup] = frozenset()
    member_id: UUID | None = None
    project: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one group came to; what is not grouped by is None, and so is what a line does not have."""

    day: date | None
    ref: str | None
    model: str | None
    category: str | None
    member_id: UUID | None
    project: str | None
    charged: int
    refunded: int
    uses: int
    operations: int

    @property
    def tokens(self) -> int:
        """Charged and not given back; below 0 where more was given back than charged."""
        return self.charged - self.refunded

    @property
    def average_per_use(self) -> int | None:
        """Tokens per use, half a micro-token rounded up; None without uses."""
        return None if self.uses == 0 else (2 * self.tokens + self.uses) // (2 * self.uses)


@dataclass(frozen=True, slots=True)
class WorkEnds:
    """How many works ended, by how they did."""

    committed: int = 0
    cancelled: int = 0
    failed: int = 0
    filtered: int = 0
    timed_out: int = 0
    expired: int = 0

    @classmethod
    def of(cls, works: dict[str, int]) -> WorkEnds:
        """From the counts of the outcomes."""
        return cls(
            works.get(HoldState.COMMITTED, 0),
            works.get(WorkOutcome.CANCELLED, 0),
            works.get(WorkOutcome.FAILED, 0),
            works.get(WorkOutcome.FILTERED, 0),
            works.get(WorkOutcome.TIMED_OUT, 0),
            works.get(HoldState.EXPIRED, 0),
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.committed + self.cancelled + self.failed + self.filtered + self.timed_out + self.expired

    @property
    def failed_tenths(self) -> int | None:
        """Tenths of a percent that failed or timed out, rounded half up; None where no work ended."""
        return self._tenths(self.failed + self.timed_out)

    @property
    def filtered_tenths(self) -> int | None:
        """Tenths of a percent that were filtered, rounded half up; None where no work ended."""
        return self._tenths(self.filtered)

    def _tenths(self, works: int) -> int | None:
        return None if self.total == 0 else (2_000 * works + self.total) // (2 * self.total)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The rows by date, then by tokens, the most first.

    `works` is None for one model alone, because a work may have several. `as_of` is the account's latest entry's.
    """

    rows: tuple[UsageRow, ...]
    time_zone: str
    as_of: datetime
    works: WorkEnds | None

    @property
    def tokens(self) -> int:
        """Charged and not given back, in all."""
        return sum(row.tokens for row in self.rows)

    @property
    def operations(self) -> int:
        """How many lines were captured."""
        return sum(row.operations for row in self.rows)


@dataclass(frozen=True, slots=True)
class Forecast:
    """For how long what is available lasts if usage stays as it was.

    `basis`: from how many days. `days_left` and `runs_out_on` None: no end in sight.
    """

    average_per_day: int
    basis: int
    days_left: int | None
    runs_out_on: date | None


def fault_of_usage_request(request: UsageRequest) -> InvalidInput | None:
    """Why nothing can be told of this; None when it can."""
    days = (request.until - request.since).days + 1
    if not _EARLIEST <= request.since <= _LATEST or not _EARLIEST <= request.until <= _LATEST:
        return InvalidInput("from", f"days lie between {_EARLIEST} and {_LATEST}")
    if days < 1:
        return InvalidInput("to", f"must not lie before from ({request.since}); it is {request.until}")
    dates = request.groups & DATES
    if len(dates) > 1:
        return InvalidInput("groupBy", f"takes one of DAY, WEEK and MONTH, not {' and '.join(sorted(dates))}")
    for group, days_max in ((UsageGroup.REF, BY_REF_DAYS_MAX), (UsageGroup.DAY, BY_DAY_DAYS_MAX)):
        if group in request.groups and days > days_max:
            return InvalidInput("to", f"usage by {group} is told of at most {days_max} days, not {days}")
    if days > DAYS_MAX:
        return InvalidInput("to", f"usage is told of at most {DAYS_MAX} days, not {days}")
    return None


def too_many_rows(rows_max: int) -> InvalidInput:
    """What a report is refused with that would be longer."""
    return InvalidInput(
        "groupBy",
        f"the report would have more than {rows_max} rows: ask for fewer days, one member or project, or less",
    )


def forecast_period(opened: date, today: date) -> tuple[date, date]:
    """The first and last day that a forecast rests on: the last whole days; today where there is no other."""
    if opened >= today:
        return today, today
    return max(opened, today - timedelta(days=FORECAST_DAYS)), today - timedelta(days=1)


def forecast(spent: int, days: int, available: int | None, today: date) -> Forecast:
    """What lies ahead of an account that spent so much in so many days. `available` None: unlimited."""
    spent = max(0, spent)
    average = (2 * spent + days) // (2 * days)
    left = None if available is None or spent == 0 else available * days // spent
    if left is None or left > FORECAST_DAYS_LEFT_MAX:
        return Forecast(average, days, None, None)
    return Forecast(average, days, left, today + timedelta(days=left))
