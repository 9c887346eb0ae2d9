"""Usage told as it happens: whatever is taken when, everybody is told of each capture once, and the day as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ledger import usage_events
from rules.ledger.local_days import local_day_of
from rules.ledger.usage import UsageKey
from rules.ledger.usage_events import (
    NOTHING,
    ROWS_MAX,
    Breakdown,
    DaySums,
    Sums,
    UsageEvent,
    UsagePosition,
    UsageView,
    is_another_day,
    next_usage,
    snapshot_of_usage,
    sum_of,
)

ACCOUNT = UUID(int=1)
MEMBERS = (None, UUID(int=7), UUID(int=8))
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
VIEWS = (
    UsageView(),
    UsageView(by_member=False),
    UsageView(member_id=MEMBERS[1]),
    UsageView(project="film"),
    UsageView(member_id=MEMBERS[2], project="film"),
)
Found = dict[UsageKey, Sums]


def added_up(*parts: Found) -> Found:
    whole: Found = {}
    for part in parts:
        for key, sums in part.items():
            whole[key] = whole.get(key, NOTHING).plus(sums)
    return whole


@dataclass
class Journal:
    """What an account was charged and given back, by version."""

    at: datetime
    entries: list[Found] = field(default_factory=list)

    def write(self, found: Found) -> None:
        self.entries.append(found)

    @property
    def position(self) -> UsagePosition:
        return UsagePosition(ACCOUNT, len(self.entries), self.at, local_day_of("UTC", self.at))

    def since(self, version: int) -> Found:
        return added_up(*self.entries[version:])

    def day(self, view: UsageView, day: date) -> DaySums:
        rows = view.of({key: sums for key, sums in self.since(0).items() if key.day == day})
        return DaySums(rows.total, rows)


@dataclass
class Reader:
    """Reads the journal for one view, as often as it is told to."""

    journal: Journal
    known: UsageEvent

    @classmethod
    def of(cls, journal: Journal, view: UsageView) -> Reader:
        position = journal.position
        return cls(journal, snapshot_of_usage(view, position, journal.day(view, position.day.day)))

    def read(self) -> UsageEvent | None:
        known, position = self.known, self.journal.position
        day = self.journal.day(known.view, position.day.day) if is_another_day(known, position) else None
        self.known, told = next_usage(known, position, self.journal.since(known.version), day)
        return told


@dataclass
class Listener:
    """Takes what it is offered whenever it likes."""

    since_version: int
    waiting: UsageEvent | None
    taken: list[UsageEvent] = field(default_factory=list)

    def offer(self, event: UsageEvent) -> None:
        self.waiting = event if self.waiting is None else self.waiting.followed_by(event)

    def take(self) -> None:
        if self.waiting is not None:
            self.taken.append(self.waiting)
            self.waiting = None


@st.composite
def found(draw: st.DrawFn, instant: datetime) -> Found:
    key = UsageKey(
        local_day_of("UTC", instant).day,
        draw(st.sampled_from(MEMBERS)),
        draw(st.sampled_from([None, "film"])),
        draw(st.sampled_from([None, "flux", "sdxl"])),
        None,
    )
    if draw(st.booleans()):
        return {key: Sums(charged=draw(st.integers(0, 9)), uses=draw(st.integers(0, 3)), operations=1)}
    return {key: Sums(refunded=draw(st.integers(1, 9)))}


@given(st.data())
def test_whatever_is_taken_when_each_capture_is_told_once_and_the_day_is_right(data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(VIEWS))
    journal = Journal(MIDNIGHT - timedelta(hours=3))
    for _ in range(data.draw(st.integers(0, 3))):
        journal.write(data.draw(found(journal.at)))
    reader = Reader.of(journal, view)
    listeners: list[Listener] = [Listener(reader.known.version, reader.known)]
    for step in data.draw(st.lists(st.sampled_from("wwwrrjtttdp"), max_size=40)):
        match step:
            case "w":
                journal.write(data.draw(found(journal.at)))
            case "d":
                journal.at += timedelta(hours=data.draw(st.integers(1, 30)))
            case "r" | "j":
                told = reader.read()
                for listener in listeners:
                    if told is not None:
                        listener.offer(told)
                if step == "j":
                    listeners.append(Listener(reader.known.version, reader.known))
            case "t":
                data.draw(st.sampled_from(listeners)).take()
            case _:
                # What is not of the view, or no use at all.
                journal.write({})
    told = reader.read()
    for listener in listeners:
        if told is not None:
            listener.offer(told)
        listener.take()
    for listener in listeners:
        orders = [(event.version, event.as_of) for event in listener.taken]
        assert orders == sorted(set(orders))
        assert [event.snapshot for event in listener.taken] == [True] + [False] * (len(listener.taken) - 1)
        last = listener.taken[-1]
        assert last.today == journal.day(view, journal.position.day.day).today
        assert last.position.day == journal.position.day
        increments = added_up(*(dict(event.added.rows) for event in listener.taken[1:]))
        beginning = listener.taken[0]
        assert increments == dict(view.of(journal.since(beginning.version)).rows)
        of_its_day = {key: sums for key, sums in beginning.added.rows.items() if key.day == beginning.position.day.day}
        assert sum_of(of_its_day.values()) == beginning.today
        by_key = added_up(dict(beginning.added.rows), increments)
        today = journal.position.day.day
        assert sum_of(sums for key, sums in by_key.items() if key.day == today) == last.today


def test_a_day_that_begins_is_told_with_its_zeros_although_nothing_happened() -> None:
    journal = Journal(MIDNIGHT - timedelta(seconds=1))
    key = UsageKey(date(2026, 3, 1), None, None, "flux", "image")
    journal.write({key: Sums(5, 0, 1, 1)})
    reader = Reader.of(journal, UsageView())
    assert reader.known.today == Sums(5, 0, 1, 1)
    assert reader.read() is None

    journal.at = MIDNIGHT
    told = reader.read()

    assert told is not None
    assert not told.snapshot
    assert (told.version, told.as_of) == (1, MIDNIGHT)
    assert told.today == NOTHING
    assert told.added.is_empty
    assert reader.read() is None


def test_what_came_before_midnight_is_told_with_its_own_day() -> None:
    journal = Journal(MIDNIGHT - timedelta(seconds=1))
    reader = Reader.of(journal, UsageView())
    yesterday, today = (UsageKey(day, None, None, "flux", "image") for day in (date(2026, 3, 1), date(2026, 3, 2)))
    journal.write({yesterday: Sums(5, 0, 1, 1)})
    journal.at = MIDNIGHT + timedelta(seconds=1)
    journal.write({today: Sums(3, 0, 1, 1)})

    told = reader.read()

    assert told is not None
    assert told.today == Sums(3, 0, 1, 1)
    assert dict(told.added.rows) == {yesterday: Sums(5, 0, 1, 1), today: Sums(3, 0, 1, 1)}


def test_what_lies_beyond_the_bound_is_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    day = date(2026, 3, 1)
    found = {UsageKey(day, None, None, f"m{n}", None): Sums(n, 0, 1, 1) for n in range(1, ROWS_MAX + 4)}
    cut = UsageView().of(found)
    assert len(cut.rows) == ROWS_MAX
    assert next(iter(cut.rows)).model == f"m{ROWS_MAX + 3}"
    assert cut.rest == Sums(1 + 2 + 3, 0, 3, 3)
    assert cut.total == sum_of(found.values())

    monkeypatch.setattr(usage_events, "ROWS_MAX", 2)
    again = Breakdown.cut(cut.rows, cut.rest).plus(UsageView().of({UsageKey(day, None, None, "m1", None): Sums(900)}))
    assert len(again.rows) == 2
    assert again.total == cut.total.plus(Sums(900))


def test_members_are_told_apart_only_where_they_may_be() -> None:
    day = date(2026, 3, 1)
    found = {UsageKey(day, member, None, "flux", None): Sums(1, 0, 1, 1) for member in MEMBERS}
    assert dict(UsageView(by_member=False).of(found).rows) == {
        UsageKey(day, None, None, "flux", None): Sums(3, 0, 3, 3)
    }


def test_what_counts_on_another_day_adds_nothing_to_the_running_one() -> None:
    """As where an account's time zone is changed there and back."""
    journal = Journal(MIDNIGHT - timedelta(hours=3))
    reader = Reader.of(journal, UsageView())
    key = UsageKey(date(2026, 3, 2), None, None, "flux", "image")
    journal.write({key: Sums(5, 0, 1, 1)})

    told = reader.read()

    assert told is not None
    assert told.today == NOTHING
    assert dict(told.added.rows) == {key: Sums(5, 0, 1, 1)}
    assert reader.known.added.is_empty
