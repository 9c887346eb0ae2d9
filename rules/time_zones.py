"""Time zones: which names there are."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

_NOWHERE: Final = "Factory"
"""What a machine has before anybody has set its zone: listed among the names, but no place's time."""


def is_time_zone(name: str) -> bool:
    """Whether this is one of IANA's names, such as "Europe/Berlin" or "UTC"."""
    return name in _names()


@cache
def _names() -> frozenset[str]:
    """As tzdata lists them: the machine's own folder also has files that neither Postgres nor other machines know."""
    names = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {_NOWHERE}
