"""What a usage report says of its figures, what may be asked, and what lies ahead."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from rules.ledger.usage_reports import (
    Forecast,
    UsageGroup,
    UsageRequest,
    UsageRow,
    WorkEnds,
    fault_of_usage_request,
    forecast,
    forecast_period,
)

TODAY = date(2026, 3, 1)


def a_row(charged: int, refunded: int, uses: int) -> UsageRow:
    return UsageRow(None, None, None, None, None, None, charged, refunded, uses, 1)


@pytest.mark.parametrize(
    ("row", "tokens", "average"),
    [
        (a_row(10, 0, 4), 10, 3),
        (a_row(10, 1, 4), 9, 2),
        (a_row(5, 7, 0), -2, None),
        (a_row(0, 3, 2), -3, -1),
    ],
)
def test_the_average_is_of_what_was_not_given_back(row: UsageRow, tokens: int, average: int | None) -> None:
    assert (row.tokens, row.average_per_use) == (tokens, average)


def test_rates_are_of_all_works_and_exact_to_a_tenth() -> None:
    works = WorkEnds.of({"COMMITTED": 996, "FAILED": 1, "TIMED_OUT": 1, "FILTERED": 1, "EXPIRED": 1})
    assert works.total == 1_000
    assert (works.failed_tenths, works.filtered_tenths) == (2, 1)
    assert (WorkEnds().failed_tenths, WorkEnds().filtered_tenths) == (None, None)


@pytest.mark.parametrize(
    ("groups", "days", "field"),
    [
        (set(), 3_660, None),
        (set(), 3_661, "to"),
        (set(), 0, "to"),
        ({"DAY"}, 366, None),
        ({"DAY"}, 367, "to"),
        ({"REF", "MONTH"}, 31, None),
        ({"REF"}, 32, "to"),
        ({"DAY", "MONTH"}, 1, "groupBy"),
        ({"WEEK", "MODEL", "CATEGORY", "MEMBER", "PROJECT"}, 3_660, None),
    ],
)
def test_what_may_be_asked(groups: set[str], days: int, field: str | None) -> None:
    until = TODAY + timedelta(days=days - 1)
    request = UsageRequest(UUID(int=1), UUID(int=2), TODAY, until, frozenset(map(UsageGroup, groups)))
    fault = fault_of_usage_request(request)
    assert (fault.field if fault is not None else None) == field


@pytest.mark.parametrize("day", [date.min, date.max])
def test_days_beyond_all_calendars_are_refused(day: date) -> None:
    fault = fault_of_usage_request(UsageRequest(UUID(int=1), UUID(int=2), day, day, frozenset({UsageGroup.REF})))
    assert fault is not None


@pytest.mark.parametrize(
    ("age", "first", "last"), [(0, 0, 0), (1, 1, 1), (5, 5, 1), (28, 28, 1), (400, 28, 1), (-1, 0, 0)]
)
def test_a_forecast_rests_on_whole_days(age: int, first: int, last: int) -> None:
    since, until = forecast_period(TODAY - timedelta(days=age), TODAY)
    assert (TODAY - since, TODAY - until) == (timedelta(days=first), timedelta(days=last))


@pytest.mark.parametrize(
    ("spent", "days", "available", "expected"),
    [
        (280, 28, 95, Forecast(10, 28, 9, TODAY + timedelta(days=9))),
        (1, 28, 100, Forecast(0, 28, 2_800, TODAY + timedelta(days=2_800))),
        (14, 28, 0, Forecast(1, 28, 0, TODAY)),
        (0, 28, 100, Forecast(0, 28, None, None)),
        (-5, 28, 100, Forecast(0, 28, None, None)),
        (10, 1, None, Forecast(10, 1, None, None)),
        (1, 1, 36_500, Forecast(1, 1, 36_500, TODAY + timedelta(days=36_500))),
        (1, 1, 36_501, Forecast(1, 1, None, None)),
    ],
)
def test_what_is_available_lasts_as_long_as_the_pace_lets_it(
    spent: int, days: int, available: int | None, expected: Forecast
) -> None:
    assert forecast(spent, days, available, TODAY) == expected
