"""Local days: which day it is in a time zone at an instant, and when a day begins.

A day lasts from the first instant of its date up to the first one of a later date, so that days follow one another
without a gap: 23 or 25 hours where clocks change, none at all where a zone left its date out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class LocalDay(NamedTuple):
    """A day of a time zone: from an instant up to another, both UTC."""

    starts_at: datetime
    ends_at: datetime
    day: date


_latest: Final[dict[str, LocalDay]] = {}
"""The day last asked for in each zone: most of what happens, happens today. Bounded by how many zones there are."""


def local_day(time_zone: str, instant: datetime) -> date:
    """The day in this time zone (an IANA name) at this instant."""
    return running_day(time_zone, instant).day


def running_day(time_zone: str, instant: datetime) -> LocalDay:
    """As `local_day_of`, from memory where it is the day last asked for."""
    known = _latest.get(time_zone)
    if known is None or not known.starts_at <= instant < known.ends_at:
        known = _latest[time_zone] = local_day_of(time_zone, instant)
    return known


def local_day_of(time_zone: str, instant: datetime) -> LocalDay:
    """The day that contains the instant, with its bounds."""
    zone = ZoneInfo(time_zone)
    day = instant.astimezone(zone).date()
    # Where clocks go back over midnight, an evening is lived through twice: the second time belongs to the new day.
    while (ends_at := _begin(day + _DAY, zone)) <= instant:
        day += _DAY
    return LocalDay(_begin(day, zone), ends_at, day)


def day_begins(time_zone: str, day: date) -> datetime:
    """The first instant, UTC, whose local date is this day, or a later one where the zone left the day out."""
    return _begin(day, ZoneInfo(time_zone))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day, time(), zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # Clocks jump over this midnight: somewhere between what the later offset says and what the earlier one says.
    first = midnight.replace(fold=1).astimezone(UTC)
    low, high = 0, (instant - first) // _SECOND
    while low < high:
        middle = (low + high) // 2
        if (first + middle * _SECOND).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle + 1
    return first + low * _SECOND
