"""Holds as they change: which are open, and which changed since somebody was last told.

Events of one view follow one another without a gap: `HoldsEvent.followed_by` makes one of two, so that whoever takes
them late is told the same in fewer, and is shown what is open anew where too many changed. Amounts are micro-tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from rules.ledger.kinds import HoldState
from rules.ledger.records import EVERYONE, MembersSeen
from rules.ledger.state import Account, Hold

HOLDS_MAX: Final = 100
"""Holds of one event, as many as a page of the list has."""

SPARE_HOLDS: Final = 100
"""Open holds kept beyond those that are shown, so that ends of shown ones need no read of the others."""

CHANGED_HOLDS_MAX: Final = 1_000
"""Changed holds read at once; where there are more, what is open is read anew."""


@dataclass(frozen=True, slots=True)
class HoldsView:
    """Whose holds are told: of those that are seen all, or this member's."""

    member_id: UUID | None = None
    seen: MembersSeen = EVERYONE

    def shows(self, hold: Hold) -> bool:
        """Whether the hold is told of here."""
        return self.seen.include(hold.member_id) and (self.member_id is None or hold.member_id == self.member_id)


class ChangedHold(NamedTuple):
    """A hold as it is now, without its lines, and what became of it since another moment."""

    hold: Hold
    held_change: int
    was_open: bool
    """Whether it was open at that moment; a hold that was not there yet was not."""


class OpenHolds(NamedTuple):
    """The open holds of a view: how many, what they hold, and the newest of them, by id downwards. Without lines."""

    number: int
    held: int
    newest: tuple[Hold, ...]

    @property
    def shown(self) -> tuple[Hold, ...]:
        """Those that are told of."""
        return self.newest[:HOLDS_MAX]


class HoldsPosition(NamedTuple):
    """Up to which entry of an account something is told."""

    tenant_id: UUID
    account_id: UUID
    version: int
    as_of: datetime
    """The instant of that entry; of the account itself where it has none."""

    @classmethod
    def of(cls, account: Account) -> HoldsPosition:
        """Where an account stands whose due work was settled."""
        return cls(
            account.tenant_id,
            account.account_id,
            account.version,
            account.last_at if account.version else account.created_at,
        )


@dataclass(frozen=True, slots=True)
class HoldsEvent:
    """What a subscriber is told. Versions of one view's events only rise.

    `holds`: those that changed since the event before, by id downwards; of a snapshot the newest open ones, which
    every event has along in `open`.
    """

    view: HoldsView
    position: HoldsPosition
    snapshot: bool
    open: OpenHolds
    holds: tuple[Hold, ...]

    @property
    def version(self) -> int:
        """The account's latest entry that is told of."""
        return self.position.version

    @property
    def as_of(self) -> datetime:
        """That entry's instant."""
        return self.position.as_of

    def followed_by(self, later: HoldsEvent) -> HoldsEvent:
        """This event and the one after it, told at once: each hold as it is in the end."""
        if self.snapshot or later.snapshot:
            return _anew(later)
        return _told(later, (*self.holds, *later.holds))


def snapshot_of_holds(view: HoldsView, position: HoldsPosition, found: OpenHolds) -> HoldsEvent:
    """What a subscriber is told first; it is also what later events are made from."""
    return HoldsEvent(view, position, snapshot=True, open=found, holds=found.shown)


def with_changes(known: HoldsEvent, changes: Sequence[ChangedHold]) -> OpenHolds | None:
    """The open holds after these changes of the account's; None where they must be read, since more came into sight."""
    seen = [change for change in changes if known.view.shows(change.hold)]
    before = known.open
    number = before.number + sum(_is_open(change.hold) - change.was_open for change in seen)
    held = before.held + sum(change.held_change for change in seen)
    # Below the oldest that was kept there may be others, of which nothing is known.
    floor = before.newest[-1].hold_id if len(before.newest) < before.number else 0
    by_id = {hold.hold_id: hold for hold in before.newest}
    by_id |= {change.hold.hold_id: change.hold for change in seen if change.hold.hold_id >= floor}
    newest = [hold for _, hold in sorted(by_id.items(), reverse=True) if _is_open(hold)]
    if len(newest) < min(number, HOLDS_MAX):
        return None
    return OpenHolds(number, held, tuple(newest[: HOLDS_MAX + SPARE_HOLDS]))


def next_holds(
    known: HoldsEvent, position: HoldsPosition, changes: Sequence[ChangedHold], found: OpenHolds
) -> tuple[HoldsEvent, HoldsEvent | None]:
    """From the snapshot that is known to the one at a later position: that one, and what is told of the difference.

    `found`: what `with_changes` gave, or what was read instead. Nothing is told where nothing of the view changed.
    """
    after = snapshot_of_holds(known.view, position, found)
    changed = [change.hold for change in changes if known.view.shows(change.hold)]
    return after, _told(after, changed) if changed else None


def _told(event: HoldsEvent, changed: Iterable[Hold]) -> HoldsEvent:
    by_id = {hold.hold_id: hold for hold in changed}
    if len(by_id) > HOLDS_MAX:
        return _anew(event)
    return replace(event, snapshot=False, holds=tuple(hold for _, hold in sorted(by_id.items(), reverse=True)))


def _anew(event: HoldsEvent) -> HoldsEvent:
    return replace(event, snapshot=True, holds=event.open.shown)


def _is_open(hold: Hold) -> bool:
    return hold.state is HoldState.OPEN
