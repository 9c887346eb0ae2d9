"""Usage as it happens: the sums of the running local day, and what came since somebody was last told.

Events of one view follow one another without a gap or an overlap: `UsageEvent.followed_by` makes one of two, so that
whoever takes them late is told the same in fewer. Amounts are micro-tokens, instants UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from rules.ledger.local_days import LocalDay, running_day
from rules.ledger.state import Account
from rules.ledger.usage import UsageKey

ROWS_MAX: Final = 200
"""Rows of one event: some 40 kilobytes, also of a client that has not read for an hour."""


class Sums(NamedTuple):
    """Micro-tokens charged and given back, uses, and captured lines."""

    charged: int = 0
    refunded: int = 0
    uses: int = 0
    operations: int = 0

    @property
    def tokens(self) -> int:
        """Charged and not given back; below 0 where more was given back than charged."""
        return self.charged - self.refunded

    @property
    def moved(self) -> int:
        """Charged and given back together: how much there is to tell."""
        return self.charged + self.refunded

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.charged + other.charged,
            self.refunded + other.refunded,
            self.uses + other.uses,
            self.operations + other.operations,
        )

    def less(self, other: Sums) -> Sums:
        """What is left without the other."""
        return self.plus(Sums(*(-figure for figure in other)))


NOTHING: Final = Sums()


def sum_of(parts: Iterable[Sums]) -> Sums:
    """All of them together."""
    whole = NOTHING
    for part in parts:
        whole = whole.plus(part)
    return whole


@dataclass(frozen=True, slots=True)
class UsageView:
    """Whose usage is told: the account's, or of that what this member and this project had, each unless None.

    Without `by_member` rows do not tell members apart.
    """

    member_id: UUID | None = None
    project: str | None = None
    by_member: bool = True

    def of(self, found: Mapping[UsageKey, Sums]) -> Breakdown:
        """What of it is told here."""
        rows: dict[UsageKey, Sums] = {}
        for key, sums in found.items():
            if self.member_id is not None and key.member_id != self.member_id:
                continue
            if self.project is not None and key.project != self.project:
                continue
            shown = key if self.by_member else key._replace(member_id=None)
            rows[shown] = rows.get(shown, NOTHING).plus(sums)
        return Breakdown.cut(rows)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Sums by key, at most ROWS_MAX of them; what lies beyond is summed up in `rest`."""

    rows: Mapping[UsageKey, Sums] = field(default_factory=dict)
    rest: Sums = NOTHING

    @classmethod
    def cut(cls, rows: Mapping[UsageKey, Sums], rest: Sums = NOTHING) -> Breakdown:
        """Those rows with the most to tell, the most first; all others go to the rest."""
        ordered = sorted(rows.items(), key=_most_first)
        beyond = sum_of(sums for _, sums in ordered[ROWS_MAX:])
        return cls(dict(ordered[:ROWS_MAX]), rest.plus(beyond))

    @property
    def total(self) -> Sums:
        """All of it."""
        return sum_of(self.rows.values()).plus(self.rest)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is told."""
        return not self.rows and self.rest == NOTHING

    def plus(self, other: Breakdown) -> Breakdown:
        """Both together. What went to the rest once stays there."""
        if other.is_empty:
            return self
        rows = dict(self.rows)
        for key, sums in other.rows.items():
            rows[key] = rows.get(key, NOTHING).plus(sums)
        return Breakdown.cut(rows, self.rest.plus(other.rest))


class DaySums(NamedTuple):
    """A view's running day as it was read: its sums, and by what they were."""

    today: Sums
    rows: Breakdown


class UsagePosition(NamedTuple):
    """Up to which entry of an account something is told, and of which of its local days."""

    account_id: UUID
    version: int
    last_at: datetime
    """The instant of that entry; of the account itself where it has none."""
    day: LocalDay

    @classmethod
    def of(cls, account: Account, now: datetime) -> UsagePosition:
        """Where an account stands of which nothing is due; its day is never before that of its latest entry."""
        last_at = account.last_at if account.version else account.created_at
        return cls(account.account_id, account.version, last_at, running_day(account.time_zone, max(now, last_at)))

    @property
    def as_of(self) -> datetime:
        """The later of that instant and the day's beginning."""
        return max(self.last_at, self.day.starts_at)


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """What a subscriber is told. (version, as_of) of one view's events only rise.

    `today`: the sums of the running day. `added`: what came since the event before, by local day and the rest of the
    key; of a snapshot, what the day came to so far.
    """

    view: UsageView
    position: UsagePosition
    snapshot: bool
    today: Sums
    added: Breakdown

    @property
    def version(self) -> int:
        """The account's latest entry that is counted."""
        return self.position.version

    @property
    def as_of(self) -> datetime:
        """The later of that entry's instant and the day's beginning."""
        return self.position.as_of

    def followed_by(self, later: UsageEvent) -> UsageEvent:
        """This event and the one after it, told at once.

        A snapshot stays one: it then has all of the day that it began with as well, which has ended meanwhile.
        """
        if later.snapshot:
            return later
        return replace(later, snapshot=self.snapshot, added=self.added.plus(later.added))


def snapshot_of_usage(view: UsageView, position: UsagePosition, day: DaySums) -> UsageEvent:
    """What a subscriber is told first; it is also what later events are made from."""
    return UsageEvent(view, position, snapshot=True, today=day.today, added=day.rows)


def is_another_day(known: UsageEvent, position: UsagePosition) -> bool:
    """Whether the day has to be read: another one begun, or the account's time zone changed to where it is another."""
    return known.position.day.day != position.day.day


def next_usage(
    known: UsageEvent, position: UsagePosition, found: Mapping[UsageKey, Sums], day: DaySums | None
) -> tuple[UsageEvent, UsageEvent | None]:
    """From the snapshot that is known to the one at a later position: that one, and what is told of the difference.

    `found`: what the account was charged and given back in between. `day`: the view's day as it was read, wherever
    `is_another_day`, else None. Nothing is told where nothing came and no day began.
    """
    came = known.view.of(found)
    if day is None:
        today = known.view.of({key: sums for key, sums in found.items() if key.day == position.day.day})
        day = DaySums(known.today.plus(today.total), known.added.plus(today))
    after = snapshot_of_usage(known.view, position, day)
    told = not came.is_empty or known.position.day != position.day
    return after, replace(after, snapshot=False, added=came) if told else None


def _most_first(row: tuple[UsageKey, Sums]) -> tuple[object, ...]:
    key, sums = row
    return -sums.moved, key.day, *(("", "") if part is None else ("1", str(part)) for part in key[1:])
