"""Windows: the stretches of time that a limit caps, from one local midnight to another.

A window is kept by its two instants, UTC, the second not in it; so a day of 23 or 25 hours is one window like any
other. A day begins with the first instant of its date, also where clocks jump over midnight; a week begins on Monday, a
month on its first day. A date that a time zone left out has no window.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.ledger.kinds import LimitPeriod

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Stretch(NamedTuple):
    """From an instant up to another."""

    starts_at: datetime
    ends_at: datetime


def window_of(period: LimitPeriod, instant: datetime, time_zone: str) -> Stretch:
    """The DAY, WEEK or MONTH of this time zone (an IANA name) that contains the instant; TOTAL has no window."""
    zone = ZoneInfo(time_zone)
    first = _first_day(period, instant.astimezone(zone).date())
    starts_at = _begin(first, zone)
    # Where clocks go back over midnight, the evening before is lived through twice: the second time is of the new day.
    while starts_at > instant:
        first = _first_day(period, first - _DAY)
        starts_at = _begin(first, zone)
    while (ends_at := _begin(_day_after(period, first), zone)) <= instant:
        first, starts_at = _day_after(period, first), ends_at
    return Stretch(starts_at, ends_at)


def boundary_not_before(period: LimitPeriod, instant: datetime, time_zone: str) -> datetime:
    """The first instant, not before the given one, at which a window of this period begins."""
    starts_at, ends_at = window_of(period, instant, time_zone)
    return starts_at if starts_at == instant else ends_at


def _first_day(period: LimitPeriod, day: date) -> date:
    match period:
        case LimitPeriod.DAY:
            return day
        case LimitPeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case LimitPeriod.MONTH:
            return day.replace(day=1)
        case LimitPeriod.TOTAL:
            raise ValueError("all of time has no windows")


def _day_after(period: LimitPeriod, first: date) -> date:
    """The first day of the next window, given the first day of one."""
    match period:
        case LimitPeriod.DAY:
            return first + _DAY
        case LimitPeriod.WEEK:
            return first + 7 * _DAY
        case LimitPeriod.MONTH:
            return date(first.year + first.month // 12, first.month % 12 + 1, 1)
        case LimitPeriod.TOTAL:
            raise ValueError("all of time has no windows")


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is this day, or a later one where the day was left out."""
    midnight = datetime.combine(day, time(), zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # Clocks jump over this midnight: the day begins where they jump, which is not before what the later offset says.
    offset = (instant + _SECOND).astimezone(zone).utcoffset()
    low = midnight.replace(fold=1).astimezone(UTC)
    steps, left = 0, (instant - low) // _SECOND
    while steps < left:
        middle = (steps + left) // 2
        if (low + middle * _SECOND).astimezone(zone).utcoffset() == offset:
            left = middle
        else:
            steps = middle + 1
    return low + steps * _SECOND
