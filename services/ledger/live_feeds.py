"""What can be watched of an account that adds up: usage and holds as they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar

import asyncpg

from rules.ledger.hold_events import HoldsEvent, HoldsPosition, HoldsView
from rules.ledger.usage_events import UsageEvent, UsagePosition, UsageView
from services.ledger.live_holds import read_holds
from services.ledger.live_usage import read_usage
from services.ledger.settled_reads import AccountReading
from services.live.reader import Wanted
from services.live.view import Event, View


class Told(Protocol):
    """What is told of one view between two reads, or, as a snapshot, up to one."""

    @property
    def version(self) -> int:
        """The account's latest entry that is told of."""

    @property
    def as_of(self) -> datetime:
        """The later of its instant and the last reset that is told of."""

    def followed_by(self, later: Self) -> Self:
        """This and the one after it, told at once."""


ToldOf = TypeVar("ToldOf", bound=Told)


class FeedEvent(Event, Generic[ToldOf]):
    """What came of a view since the read before, and the snapshot that stands at this read."""

    __slots__ = ("_first", "known", "told")

    def __init__(self, known: ToldOf, told: ToldOf) -> None:
        super().__init__(told.version, told.as_of)
        self.told = told
        self.known = known
        """What those who join are told, and what comes next is compared with: at this read or, where nothing was to
        be told afterwards, at a later one."""
        self._first: FeedEvent[ToldOf] | None = None

    @property
    def first(self) -> FeedEvent[ToldOf]:
        """The snapshot, as one object for all who join now."""
        if self.told is self.known:
            return self
        if self._first is None:
            self._first = FeedEvent(self.known, self.known)
        return self._first

    def repeats(self, told: Event) -> bool:
        """Only itself: whoever reads gives the same event again where nothing is to be told."""
        return told is self

    def following(self, untaken: FeedEvent[ToldOf]) -> FeedEvent[ToldOf]:
        """Both told at once."""
        return FeedEvent(self.known, untaken.told.followed_by(self.told))

    def stands_at(self, known: ToldOf) -> None:
        """Notes that nothing is to be told up to this snapshot."""
        self.known = known
        self._first = None


@dataclass(frozen=True, slots=True)
class UsageFeed(View[FeedEvent[UsageEvent]]):
    """Usage as it happens."""

    of: UsageView

    @property
    def has_free_text(self) -> bool:
        """Projects are labels, which anybody makes up."""
        return self.of.project is not None


@dataclass(frozen=True, slots=True)
class HoldsFeed(View[FeedEvent[HoldsEvent]]):
    """Holds as they change."""

    of: HoldsView


class Feeds:
    """What a read brought for the feeds among the views that are wanted."""

    def __init__(self) -> None:
        self._read: dict[View[Any], tuple[Any, Any]] = {}

    @classmethod
    async def read(
        cls, connection: asyncpg.Connection, reading: AccountReading, wanted: Mapping[View[Event], Wanted]
    ) -> Feeds:
        """Reads what each of them needs, from the snapshot of the account's row."""
        feeds = cls()
        usage = {view.of: _known(wish) for view, wish in wanted.items() if isinstance(view, UsageFeed)}
        if usage:
            position = UsagePosition.of(reading.account, reading.now)
            for of, read in (await read_usage(connection, position, usage)).items():
                feeds._read[UsageFeed(of)] = read
        holds = {view.of: _known(wish) for view, wish in wanted.items() if isinstance(view, HoldsFeed)}
        if holds:
            for of_holds, read_of in (await read_holds(connection, HoldsPosition.of(reading.account), holds)).items():
                feeds._read[HoldsFeed(of_holds)] = read_of
        return feeds

    def event(self, view: View[Any], before: Event | None) -> FeedEvent[Any]:
        """What the view shows; the event before, where it has nothing to tell."""
        known, told = self._read[view]
        if isinstance(before, FeedEvent) and told is None:
            before.stands_at(known)
            return before
        return FeedEvent(known, known if told is None else told)


def _known(wish: Wanted) -> Any:
    return wish.before.known if isinstance(wish.before, FeedEvent) else None
