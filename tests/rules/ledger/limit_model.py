"""A second, naive telling of the rules of limits: a log of holds, summed anew whenever it is asked for.

Windows are found by walking through time in quarters of an hour and looking at the local calendar. Amounts are
micro-tokens, instants microseconds since the test began. For whom something is done is (member, project).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.rules.ledger.notation import START

Row = dict[str, Any]
Owner = tuple[str, str | None]
"""A scope's name, and the member or project; ("MEMBER", None) is the default for members."""

ANY_AMOUNT = 10**30
MINUTE = 60_000_000
QUARTER = 15 * MINUTE
PERIODS = ("DAY", "WEEK", "MONTH", "TOTAL")
ACCOUNT: Owner = ("ACCOUNT", None)


def local_name(period: str, instant: int, zone: str) -> object:
    """What the calendar there calls the day, week or month of an instant."""
    day = (START + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone)).date()
    return {"DAY": day, "WEEK": day.isocalendar()[:2], "MONTH": (day.year, day.month)}[period]


@cache
def next_boundary(period: str, after: int, zone: str) -> int:
    """The first instant after a full quarter of an hour at which another day, week or month begins."""
    name, instant = local_name(period, after, zone), after + QUARTER
    while local_name(period, instant, zone) == name:
        instant += QUARTER
    return instant


def first_boundary_from(period: str, instant: int, zone: str) -> int:
    is_one = local_name(period, instant, zone) != local_name(period, instant - 1, zone)
    return instant if is_one else next_boundary(period, instant, zone)


class LimitModel:
    """The limits of one account, its members and its projects."""

    def __init__(self, holds: list[Row]) -> None:
        self.holds = holds
        self.zone = "UTC"
        self.windows = {period: (-1, next_boundary(period, 0, self.zone)) for period in PERIODS[:-1]}
        self.limits: dict[tuple[Owner, str], int | None] = {}
        self.daily: int | None = None
        self.rate: int | None = None
        self.runs: dict[str | None, list[int]] = {}

    def settle(self, now: int) -> None:
        """Windows that are over make way for those that follow them."""
        for period, (starts, ends) in self.windows.items():
            while ends <= now:
                starts, ends = ends, next_boundary(period, ends, self.zone)
            self.windows[period] = (starts, ends)

    def change_zone(self, zone: str, now: int) -> bool:
        """Whether anything changes."""
        self.settle(now)
        if zone == self.zone:
            return False
        self.zone = zone
        for period, (starts, ends) in self.windows.items():
            self.windows[period] = (starts, first_boundary_from(period, ends, zone))
        return True

    def set(self, owner: Owner, period: str, limit: int | None) -> bool:
        """Whether anything changes."""
        changes = self.limits.get((owner, period)) != limit
        self.limits[owner, period] = limit
        return changes

    def holding(self, owner: Owner, period: str) -> int | None:
        """The limit that holds for somebody, None where none does."""
        limit = self.limits.get((owner, period))
        if limit is None and owner[0] == "MEMBER":
            limit = self.limits.get((("MEMBER", None), period))
        if limit is None and (owner, period) == (ACCOUNT, "DAY"):
            limit = self.daily
        return None if limit == -1 else limit

    def consumed(self, owner: Owner, period: str) -> int:
        """Spent and on hold of all holds that began in the running window."""
        starts = -1 if period == "TOTAL" else self.windows[period][0]
        return sum(
            sum(line["amount"] for line in hold["lines"])
            - hold["refunded"]
            + sum(part["held"] for part in hold["parts"])
            for hold in self.holds
            if owner in owners_of(hold["whom"]) and hold["created"] >= starts
        )

    def left(self, whom: tuple[str | None, str | None], began: int) -> int:
        """What a hold that began then may take beyond what it has, before any limit is broken."""
        return min(
            (
                max(0, limit - self.consumed(owner, period))
                for owner in owners_of(whom)
                for period in PERIODS
                if (limit := self.holding(owner, period)) is not None
                and (period == "TOTAL" or began >= self.windows[period][0])
            ),
            default=ANY_AMOUNT,
        )

    def retry_after_seconds(self, member: str | None, now: int) -> int | None:
        """How long until one more run is allowed; None: now."""
        latest = sorted(self.runs.get(member, []))
        if self.rate is None or len(latest) < self.rate or latest[-self.rate] <= now - MINUTE:
            return None
        seconds = 1
        while latest[-self.rate] > now + seconds * 1_000_000 - MINUTE:
            seconds += 1
        return seconds

    def run(self, member: str | None, now: int) -> None:
        """Where no rate is set, nobody remembers."""
        self.runs[member] = [*self.runs.get(member, []), now] if self.rate is not None else []


def owners_of(whom: tuple[str | None, str | None]) -> Sequence[Owner]:
    """Whose windows somebody's work counts in."""
    member, project = whom
    return [
        ACCOUNT,
        *([("MEMBER", member)] if member is not None else []),
        *([("PROJECT", project)] if project is not None else []),
    ]
