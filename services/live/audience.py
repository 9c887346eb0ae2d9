"""Those who want one view of one account."""

from services.live.reader import Wanted
from services.live.subscriber import Subscriber
from services.live.view import Event


class Audience:
    """Shows each event of a view to those who follow it, and its beginning to those who join.

    Reads are numbered. Whoever joins is shown the first read that began after it came, so that it never sees less than
    what it already knew, and from then on whatever the others are shown.
    """

    __slots__ = ("_following", "_joining", "_told")

    def __init__(self) -> None:
        self._following: dict[Subscriber[Event], None] = {}
        self._joining: dict[Subscriber[Event], int] = {}
        self._told: Event | None = None

    def __bool__(self) -> bool:
        return bool(self._following or self._joining)

    def join(self, subscriber: Subscriber[Event], reads_begun: int) -> None:
        """Adds one that came when so many reads had begun."""
        self._joining[subscriber] = reads_begun

    def leave(self, subscriber: Subscriber[Event]) -> None:
        """Takes one off; one that has left already is no fault."""
        self._following.pop(subscriber, None)
        self._joining.pop(subscriber, None)

    @property
    def awaits_read(self) -> bool:
        """Whether somebody waits to be shown a read."""
        return bool(self._joining)

    @property
    def wanted(self) -> Wanted:
        """What a read that begins now is to bring."""
        return Wanted(self._told, bool(self._joining))

    def show(self, event: Event, reads_begun: int) -> None:
        """Shows what a read brought, the last of so many that have begun; 0 of none: those who join wait for one."""
        told = self._told
        is_news = told is None or not (event.order < told.order or event.repeats(told))
        if told is not None and not is_news and (told.first is not None or not self._joining):
            # Nobody is woken for nothing or taken back, and those who come one by one are shown one object.
            event = told
        if told is None or event.order >= told.order:
            self._told = event
        for subscriber in self._following:
            subscriber.offer(event)
        event.forget_conflated()
        first = event.first
        for subscriber in self._came_before(reads_begun):
            if first is not None:
                subscriber.offer(first)
            self._following[subscriber] = None
            del self._joining[subscriber]

    def end(self, reads_begun: int | None = None) -> None:
        """Ends everybody, or those who came before the last of so many reads began."""
        ended = [*self._following]
        ended += self._joining if reads_begun is None else self._came_before(reads_begun)
        for subscriber in ended:
            subscriber.end()
            self.leave(subscriber)

    def _came_before(self, reads_begun: int) -> list[Subscriber[Event]]:
        return [subscriber for subscriber, begun in self._joining.items() if begun < reads_begun]
