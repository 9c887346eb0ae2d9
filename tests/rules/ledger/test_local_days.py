"""Local days: where a day begins and ends, and which one it is, in zones that change their clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from rules.ledger.local_days import day_begins, local_day, local_day_of

HOUR = timedelta(hours=1)


def an_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", "2026-03-08", "2026-03-08T00:00", 24),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", 25),
        ("Asia/Kathmandu", "2026-03-08", "2026-03-07T18:15", 24),
        ("Pacific/Kiritimati", "2026-03-08", "2026-03-07T10:00", 24),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30", 23.5),
    ],
)
def test_a_day_lasts_from_its_first_instant_to_that_of_the_next(zone: str, day: str, begins: str, hours: float) -> None:
    first = day_begins(zone, date.fromisoformat(day))
    assert first == an_instant(begins)
    assert day_begins(zone, date.fromisoformat(day) + timedelta(days=1)) - first == hours * HOUR


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Africa/Cairo"])
def test_every_instant_of_a_year_lies_in_the_day_that_its_clock_shows(zone: str) -> None:
    instant = an_instant("2026-01-01T00:00")
    while instant < an_instant("2027-01-01T00:00"):
        found = local_day_of(zone, instant)
        assert found.starts_at <= instant < found.ends_at
        assert local_day(zone, instant) == found.day
        assert day_begins(zone, found.day) == found.starts_at
        instant += timedelta(minutes=97)


def test_the_last_microsecond_of_a_day_is_still_of_it() -> None:
    midnight = an_instant("2026-03-09T04:00")
    assert local_day("America/New_York", midnight - timedelta(microseconds=1)) == date(2026, 3, 8)
    assert local_day("America/New_York", midnight) == date(2026, 3, 9)


def test_an_earlier_instant_after_a_later_one_is_not_mistaken() -> None:
    assert local_day("Asia/Tokyo", an_instant("2026-03-09T15:00")) == date(2026, 3, 10)
    assert local_day("Asia/Tokyo", an_instant("2026-03-09T14:59")) == date(2026, 3, 9)


def test_an_evening_that_is_lived_through_twice_belongs_to_the_new_day_the_second_time() -> None:
    # Clocks in St. John's went back at one minute past midnight, so that it was the evening before again.
    assert local_day("America/St_Johns", an_instant("2006-10-29T02:40")) == date(2006, 10, 29)
