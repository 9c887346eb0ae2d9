"""Holds told as they change: whatever is taken when, who adds it up has the open holds, and saw each end."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ledger import hold_events
from rules.ledger.hold_events import (
    ChangedHold,
    HoldsEvent,
    HoldsPosition,
    HoldsView,
    OpenHolds,
    next_holds,
    snapshot_of_holds,
    with_changes,
)
from rules.ledger.kinds import HoldState
from rules.ledger.records import MembersSeen
from rules.ledger.state import Hold

TENANT, ACCOUNT = UUID(int=1), UUID(int=2)
ANNA, BERT = UUID(int=7), UUID(int=8)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEWS = (
    HoldsView(),
    HoldsView(ANNA),
    HoldsView(seen=MembersSeen(everyone=False, member_id=ANNA)),
    HoldsView(seen=MembersSeen(everyone=False)),
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds small enough for examples to be beyond them."""
    monkeypatch.setattr(hold_events, "HOLDS_MAX", 3)
    monkeypatch.setattr(hold_events, "SPARE_HOLDS", 1)


@dataclass
class Ledger:
    """Holds as rows, and which version changed which."""

    holds: dict[int, Hold] = field(default_factory=dict)
    journal: list[tuple[int, int, bool]] = field(default_factory=list)
    """The hold, how what it holds changed, and whether it was a refund."""

    def change(self, hold_id: int, remaining: int, state: HoldState, *, refund: bool = False) -> None:
        hold = self.holds[hold_id] = copy(self.holds[hold_id])
        self.journal.append((hold_id, remaining - hold.remaining, refund))
        hold.remaining, hold.state = remaining, state

    def reserve(self, amount: int, member_id: UUID | None) -> None:
        hold_id = len(self.journal) + 1
        self.holds[hold_id] = Hold(hold_id, amount, amount, NOON, NOON, 1, member_id=member_id)
        self.journal.append((hold_id, amount, False))

    @property
    def position(self) -> HoldsPosition:
        return HoldsPosition(TENANT, ACCOUNT, len(self.journal), NOON + timedelta(seconds=len(self.journal)))

    def open(self, view: HoldsView) -> OpenHolds:
        found = [hold for hold in self.holds.values() if hold.state is HoldState.OPEN and view.shows(hold)]
        newest = sorted(found, key=lambda hold: -hold.hold_id)[: hold_events.HOLDS_MAX + hold_events.SPARE_HOLDS]
        return OpenHolds(len(found), sum(hold.remaining for hold in found), tuple(newest))

    def since(self, version: int) -> list[ChangedHold]:
        changes: dict[int, ChangedHold] = {}
        for hold_id, change, refund in self.journal[version:]:
            before = changes.get(hold_id, ChangedHold(self.holds[hold_id], 0, was_open=False))
            was_open = before.was_open or (hold_id <= version and not refund)
            changes[hold_id] = ChangedHold(self.holds[hold_id], before.held_change + change, was_open)
        return list(changes.values())


@dataclass
class Screen:
    """What a client keeps: the holds that it was told are open, and all that it was told of."""

    waiting: HoldsEvent | None
    taken: list[HoldsEvent] = field(default_factory=list)
    holds: dict[int, Hold] = field(default_factory=dict)

    def offer(self, event: HoldsEvent) -> None:
        self.waiting = event if self.waiting is None else self.waiting.followed_by(event)

    def take(self) -> None:
        event, self.waiting = self.waiting, None
        if event is None:
            return
        self.taken.append(event)
        if event.snapshot:
            self.holds = {}
        self.holds |= {hold.hold_id: hold for hold in event.holds}


@given(st.data())
def test_whatever_is_taken_when_who_adds_it_up_has_the_open_holds(data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(VIEWS))
    ledger = Ledger()
    known = snapshot_of_holds(view, ledger.position, ledger.open(view))
    screens = [Screen(known)]
    rereads = 0
    for step in [*data.draw(st.lists(st.sampled_from("wwwcceefrrjtt"), max_size=60)), "r"]:
        open_ids = [hold.hold_id for hold in ledger.holds.values() if hold.state is HoldState.OPEN]
        ended_ids = [hold.hold_id for hold in ledger.holds.values() if hold.state is not HoldState.OPEN]
        if step == "w":
            ledger.reserve(data.draw(st.integers(0, 9)), data.draw(st.sampled_from([None, ANNA, BERT])))
        elif step == "c" and open_ids:
            hold = ledger.holds[data.draw(st.sampled_from(open_ids))]
            ledger.change(hold.hold_id, hold.remaining // 2, HoldState.OPEN)
        elif step == "e" and open_ids:
            ends = [HoldState.COMMITTED, HoldState.RELEASED, HoldState.EXPIRED]
            ledger.change(data.draw(st.sampled_from(open_ids)), 0, data.draw(st.sampled_from(ends)))
        elif step == "f" and ended_ids:
            ledger.change(hold_id := data.draw(st.sampled_from(ended_ids)), 0, ledger.holds[hold_id].state, refund=True)
        elif step in "rj":
            changes = ledger.since(known.version)
            found = with_changes(known, changes)
            rereads += found is None
            assert found is None or found == ledger.open(view)._replace(newest=found.newest)
            assert found is None or found.shown == ledger.open(view).shown
            known, told = next_holds(known, ledger.position, changes, found or ledger.open(view))
            for screen in screens:
                if told is not None:
                    screen.offer(told)
            if step == "j":
                screens.append(Screen(known))
        elif step == "t":
            data.draw(st.sampled_from(screens)).take()
    for screen in screens:
        screen.take()
        versions = [event.version for event in screen.taken]
        assert versions == sorted(set(versions))
        assert screen.taken[0].snapshot
        last = screen.taken[-1]
        assert (last.open.number, last.open.held) == ledger.open(view)[:2]
        assert all(len(event.holds) <= hold_events.HOLDS_MAX for event in screen.taken)
        assert all(view.shows(hold) for event in screen.taken for hold in event.holds)
        still_open = {hold_id: hold for hold_id, hold in screen.holds.items() if hold.state is HoldState.OPEN}
        assert all(ledger.holds[hold_id] == hold for hold_id, hold in still_open.items())
        assert set(still_open) >= {hold.hold_id for hold in ledger.open(view).shown} or len(still_open) >= 3
        if ledger.open(view).number <= hold_events.HOLDS_MAX:
            assert len(still_open) == ledger.open(view).number


def test_the_end_of_each_hold_is_told_while_there_are_few() -> None:
    ledger, view = Ledger(), HoldsView()
    ledger.reserve(5, None)
    known = snapshot_of_holds(view, ledger.position, ledger.open(view))
    ledger.change(1, 0, HoldState.EXPIRED)
    ledger.reserve(3, None)
    ledger.change(3, 0, HoldState.COMMITTED)
    changes = ledger.since(known.version)
    found = with_changes(known, changes)
    assert found == OpenHolds(0, 0, ())

    after, told = next_holds(known, ledger.position, changes, found)

    assert told is not None
    assert not told.snapshot
    assert [(hold.hold_id, hold.state) for hold in told.holds] == [(3, HoldState.COMMITTED), (1, HoldState.EXPIRED)]
    assert after.open == told.open == found


def test_who_takes_late_is_shown_what_is_open_anew_where_too_much_changed() -> None:
    ledger, view = Ledger(), HoldsView()
    known = snapshot_of_holds(view, ledger.position, ledger.open(view))
    events = []
    for _ in range(2):
        for _ in range(2):
            ledger.reserve(1, None)
        changes = ledger.since(known.version)
        known, told = next_holds(known, ledger.position, changes, ledger.open(view))
        assert told is not None
        events.append(told)

    late = events[0].followed_by(events[1])

    assert [event.snapshot for event in events] == [False, False]
    assert late.snapshot
    assert [hold.hold_id for hold in late.holds] == [4, 3, 2]
    assert late.open.number == 4


def test_an_old_hold_that_changes_does_not_stand_for_newer_ones_that_were_not_kept() -> None:
    ledger, view = Ledger(), HoldsView()
    for _ in range(6):
        ledger.reserve(8, None)
    known = snapshot_of_holds(view, ledger.position, ledger.open(view))
    assert [hold.hold_id for hold in known.open.newest] == [6, 5, 4, 3]
    ledger.change(1, 4, HoldState.OPEN)
    kept = with_changes(known, ledger.since(known.version))
    assert kept is not None
    assert [hold.hold_id for hold in kept.newest] == [6, 5, 4, 3]

    for hold_id in (5, 6):
        ledger.change(hold_id, 0, HoldState.RELEASED)

    assert with_changes(known, ledger.since(known.version)) is None, "2 comes into sight, and nothing is known of it"
