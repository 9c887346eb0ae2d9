"""The windows of days, weeks and months: from midnight to midnight, wherever the clocks stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ledger.kinds import LimitPeriod
from rules.ledger.windows import boundary_not_before, window_of

DAY, WEEK, MONTH = LimitPeriod.DAY, LimitPeriod.WEEK, LimitPeriod.MONTH
NEW_YORK = "America/New_York"
ZONES = [
    "UTC",
    NEW_YORK,
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "America/Toronto",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "instant", "starts", "ends", "hours"),
    [
        # Clocks go forward and back by an hour in the middle of the day.
        (NEW_YORK, "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00", 23),
        (NEW_YORK, "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00", 25),
        # There is no midnight: the day begins at one o'clock.
        ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00", 23),
        ("Africa/Cairo", "2024-04-26T12:00", "2024-04-25T22:00", "2024-04-26T21:00", 23),
        # The last hour before midnight is lived through twice.
        ("America/Sao_Paulo", "2018-02-18T02:30", "2018-02-17T02:00", "2018-02-18T03:00", 25),
        # Midnight itself is lived through twice: the first begins the day.
        ("America/Havana", "2024-11-03T05:30", "2024-11-03T04:00", "2024-11-04T05:00", 25),
        # The minutes around midnight are lived through twice: the evening that comes again is of the new day.
        ("America/St_Johns", "2006-10-29T03:00", "2006-10-29T02:30", "2006-10-30T03:30", 25),
        # Clocks jump over midnight, and over half an hour on either side of it.
        ("America/Toronto", "1919-03-31T05:00", "1919-03-31T04:30", "1919-04-01T04:00", 23.5),
        # Offsets that are not whole hours, and the first place on earth to see the day.
        ("Asia/Kathmandu", "2026-03-01T18:14:59.999999", "2026-02-28T18:15", "2026-03-01T18:15", 24),
        ("Pacific/Kiritimati", "2026-03-01T12:00", "2026-03-01T10:00", "2026-03-02T10:00", 24),
        # 30 December 2011 was left out: the 29th ends where the 31st begins.
        ("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29T10:00", "2011-12-30T10:00", 24),
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00", 24),
    ],
)
def test_a_day_runs_from_the_first_instant_of_its_date_to_that_of_the_next(
    zone: str, instant: str, starts: str, ends: str, hours: float
) -> None:
    window = window_of(DAY, utc(instant), zone)
    assert window == (utc(starts), utc(ends))
    assert window.ends_at - window.starts_at == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("period", "instant", "starts", "ends"),
    [
        (WEEK, "2026-03-08T12:00", "2026-03-02T05:00", "2026-03-09T04:00"),
        (WEEK, "2026-03-09T04:00", "2026-03-09T04:00", "2026-03-16T04:00"),
        (MONTH, "2026-03-08T12:00", "2026-03-01T05:00", "2026-04-01T04:00"),
        (MONTH, "2026-12-31T23:59", "2026-12-01T05:00", "2027-01-01T05:00"),
        (MONTH, "2024-02-29T12:00", "2024-02-01T05:00", "2024-03-01T05:00"),
    ],
)
def test_a_week_begins_on_monday_and_a_month_on_its_first(
    period: LimitPeriod, instant: str, starts: str, ends: str
) -> None:
    assert window_of(period, utc(instant), NEW_YORK) == (utc(starts), utc(ends))


def test_a_week_and_a_month_without_one_of_their_days_are_shorter() -> None:
    assert window_of(WEEK, utc("2011-12-31T12:00"), "Pacific/Apia") == (
        utc("2011-12-26T10:00"),
        utc("2012-01-01T10:00"),
    )
    assert window_of(MONTH, utc("2011-12-31T09:00"), "Pacific/Apia") == (
        utc("2011-12-01T10:00"),
        utc("2011-12-31T10:00"),
    )


def test_all_of_time_has_no_windows() -> None:
    with pytest.raises(ValueError, match="no windows"):
        window_of(LimitPeriod.TOTAL, utc("2026-03-08T12:00"), "UTC")


@given(
    st.sampled_from([DAY, WEEK, MONTH]),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
def test_windows_contain_their_instants_and_follow_one_another_without_a_gap(
    period: LimitPeriod, instant: datetime, zone: str
) -> None:
    window = window_of(period, instant, zone)
    assert window.starts_at <= instant < window.ends_at
    microsecond = timedelta(microseconds=1)
    assert window_of(period, window.starts_at, zone) == window
    assert window_of(period, window.ends_at - microsecond, zone) == window
    assert window_of(period, window.ends_at, zone).starts_at == window.ends_at
    assert window_of(period, window.starts_at - microsecond, zone).ends_at == window.starts_at
    assert boundary_not_before(period, instant, zone) in (
        (window.starts_at,) if instant == window.starts_at else (window.ends_at,)
    )
    assert boundary_not_before(period, window.ends_at, zone) == window.ends_at


def test_every_day_around_a_skipped_one_is_met_once() -> None:
    day, seen = window_of(DAY, utc("2011-12-25T12:00"), "Pacific/Apia"), []
    while day.starts_at < utc("2012-01-03T00:00"):
        seen.append(day.starts_at)
        day = window_of(DAY, day.ends_at, "Pacific/Apia")
    assert seen == [utc("2011-12-25T10:00") + timedelta(days=count) for count in range(9)]
