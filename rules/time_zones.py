"""Time zones: which names there are."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones


def is_time_zone(name: str) -> bool:
    """Whether this is one of IANA's names, such as "Europe/Berlin" or "UTC"."""
    return name in _names()


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
