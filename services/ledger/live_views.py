"""What can be watched of an account: the views, and the events that they are shown by. `live_reads` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

from rules.ledger.alerting import AlertEvent
from rules.ledger.balance import POOL, BalanceSnapshot
from rules.ledger.burn_down import Spender
from rules.ledger.limit_status import LimitStatus
from services.live.view import Event, View

CROSSINGS_KEPT_MAX: Final = 20
"""Crossings that an event carries; of more only the numbers, between which whoever shows them reads the rest."""

State = TypeVar("State", BalanceSnapshot, LimitStatus)


class StateEvent(Event, Generic[State]):
    """A state that is whole in each event: a later one replaces one that was not taken."""

    __slots__ = ("state",)

    def __init__(self, state: State, *, was_reset: bool) -> None:
        super().__init__(state.version, state.as_of, was_reset=was_reset)
        self.state: State = state

    def repeats(self, told: Event) -> bool:
        """Whether nothing of the state has changed."""
        return isinstance(told, StateEvent) and bool(told.state == self.state)

    def dated(self, as_of: datetime) -> StateEvent[State]:
        """The same as of another instant, as if something but an entry had changed it then."""
        state = self.state
        if isinstance(state, BalanceSnapshot):
            return StateEvent(state._replace(as_of=as_of, today=state.today._replace(as_of=as_of)), was_reset=True)
        return StateEvent(state._replace(as_of=as_of), was_reset=True)


@dataclass(frozen=True, slots=True)
class BalanceView(View[StateEvent[BalanceSnapshot]]):
    """The balance as it is for a spender."""

    spender: Spender = POOL

    @property
    def has_free_text(self) -> bool:
        """Projects are labels, which anybody makes up."""
        return self.spender.project is not None


@dataclass(frozen=True, slots=True)
class DayLimitView(View[StateEvent[LimitStatus]]):
    """The running day of a member, else of the account: what was consumed beside the limit, if there is one."""

    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CrossingsView(View["CrossingsEvent"]):
    """Low-balance thresholds as they are crossed."""


class CrossingsEvent(Event):
    """Low-balance thresholds crossed: the events of the account numbered beyond `after`, through `through`.

    `crossings` holds those through `read_through`; what lies between that and `through` is to be read by whoever shows
    them. So an event that waits to be taken stays small, however much is crossed meanwhile. `snapshot` are those that
    were still crossed where the subscription starts; none of them is beyond `after`.
    """

    __slots__ = ("_first", "account_id", "after", "crossings", "read_through", "snapshot", "through")

    def __init__(
        self,
        account_id: UUID,
        version: int,
        as_of: datetime,
        *,
        after: int,
        through: int,
        crossings: Sequence[AlertEvent] = (),
        is_complete: bool = True,
        snapshot: tuple[AlertEvent, ...] = (),
        first: CrossingsEvent | None = None,
    ) -> None:
        """`crossings` oldest first; `is_complete`: there are no more of them through `through`."""
        super().__init__(version, as_of)
        self.account_id = account_id
        self.after = after
        self.through = through
        self.snapshot = snapshot
        self.crossings = tuple(crossings[:CROSSINGS_KEPT_MAX])
        if is_complete and len(crossings) <= CROSSINGS_KEPT_MAX:
            self.read_through = through
        else:
            self.read_through = self.crossings[-1].event_id if crossings else after
        self._first = first

    @property
    def first(self) -> CrossingsEvent | None:
        """Those that are still crossed at this read; what is crossed later comes with the next event."""
        return self._first

    def repeats(self, told: Event) -> bool:
        """Whether nothing was crossed since, and nothing armed again that one who joins would be shown."""
        return (
            isinstance(told, CrossingsEvent)
            and self.through == told.through
            and (self._first is None or told._first is None or self._first.snapshot == told._first.snapshot)
        )

    def following(self, untaken: CrossingsEvent) -> CrossingsEvent:
        """Both as one, with the first crossings of them."""
        was_complete = untaken.read_through == untaken.through
        return CrossingsEvent(
            self.account_id,
            self.version,
            self.as_of,
            after=untaken.after,
            through=self.through,
            crossings=(*untaken.crossings, *self.crossings) if was_complete else untaken.crossings,
            is_complete=was_complete and self.read_through == self.through,
            snapshot=untaken.snapshot,
        )
