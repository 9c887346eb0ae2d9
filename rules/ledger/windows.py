"""Windows: the stretches of time that a limit caps, from one local midnight to another.

A window is kept by its two instants, UTC, the second not in it; so a day of 23 or 25 hours is one window like any
other. A day begins with the first instant of its date, also where clocks jump over midnight; a week begins on Monday, a
month on its first day. A date that a time zone left out has no window.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.ledger.kinds import LimitPeriod
from rules.ledger.local_days import day_begins

_DAY = timedelta(days=1)


class Stretch(NamedTuple):
    """From an instant up to another."""

    starts_at: datetime
    ends_at: datetime


def window_of(period: LimitPeriod, instant: datetime, time_zone: str) -> Stretch:
    """The DAY, WEEK or MONTH of this time zone (an IANA name) that contains the instant; TOTAL has no window."""
    first = _first_day(period, instant.astimezone(ZoneInfo(time_zone)).date())
    starts_at = day_begins(time_zone, first)
    # Where clocks go back over midnight, the evening before is lived through twice: the second time is of the new day.
    while starts_at > instant:
        first = _first_day(period, first - _DAY)
        starts_at = day_begins(time_zone, first)
    while (ends_at := day_begins(time_zone, _day_after(period, first))) <= instant:
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
