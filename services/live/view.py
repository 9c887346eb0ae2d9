"""What a subscriber can want of an account, and what it is shown of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

Shown = TypeVar("Shown")


class Event(ABC):
    """What one view shows of an account after one read: one object for all of the view's subscribers.

    Events of a view are ordered by (version, as_of). A state, such as a balance, is whole in each event, so that a
    later one replaces one that was not taken yet: it needs nothing but what it shows, and `repeats`. What adds up,
    such as a second's usage, tells what came since the event before (`Wanted.before`) and overrides also

    - `first`, for one that joins: what stands at this read, with nothing of what came before it. Everybody is told of
      what comes after the same read, so that no increment is lost or doubled;
    - `following`, for one that has not taken the event before: both as one. It must stay bounded however often that
      happens: sums, or numbers by which the rest can be read.
    """

    __slots__ = ("_conflated", "_shown", "as_of", "version", "was_reset")

    def __init__(self, version: int, as_of: datetime, *, was_reset: bool = False) -> None:
        self.version = version
        """The account's latest journal entry."""
        self.as_of = as_of
        """Which of several of one version is later: the latest of the version's instant and those since then at which
        something else came to be shown, a day's beginning or a price book's coming into force; or just after what was
        shown before, where that is to be replaced."""
        self.was_reset = was_reset
        """Whether it is later than the version's instant, so that the same version may have shown something else."""
        self._conflated: tuple[Event, Event] | None = None
        self._shown: tuple[object, Any] | None = None

    @property
    def order(self) -> tuple[int, datetime]:
        """By which events of a view follow each other."""
        return self.version, self.as_of

    @property
    def first(self) -> Self | None:
        """What one that joins is shown instead. Not None where somebody waited for it (`Wanted.joins`)."""
        return self

    @abstractmethod
    def repeats(self, told: Event) -> bool:
        """Whether it shows nothing but what that earlier event of the view did, which then stays in its place.

        Its subscribers are not woken then, and one that joins is shown the earlier one's `first` where it has one.
        """

    def following(self, untaken: Self) -> Self:
        """What is shown to one that has not taken the event before."""
        return self

    def conflated(self, untaken: Self) -> Self:
        """As `following`, and the same object for all that have not taken the same event."""
        kept = self._conflated
        if kept is None or kept[0] is not untaken:
            self._conflated = kept = (untaken, self.following(untaken))
        return kept[1]  # type: ignore[return-value] # what `following` made of this event

    def forget_conflated(self) -> None:
        """To be called once all have been offered it: what they had not taken must not live as long as this event."""
        self._conflated = None

    def shown_as(self, show: Callable[[Self], Shown]) -> Shown:
        """The event in the form that `show` gives it: made once, and the same object for every subscriber."""
        kept = self._shown
        if kept is None or kept[0] is not show:
            self._shown = kept = (show, show(self))
        shown: Shown = kept[1]
        return shown


EventShown = TypeVar("EventShown", bound=Event, covariant=True)


class View(Generic[EventShown]):
    """What a subscriber wants to see of an account, as a value: equal views are read once and get the same events.

    Subclasses are frozen slotted dataclasses of a few hashable fields. What they mean is the AccountReader's to know.
    """

    __slots__ = ()

    @property
    def has_free_text(self) -> bool:
        """Whether it names something that need not exist, so that there is no end of such views."""
        return False
