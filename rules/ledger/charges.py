"""What made one charge what it is: a hold's captured lines checked against their prices, to the unit.

A line is captured at what its price makes of it, at what was set aside for it (a commit of all that remains), or at an
amount that the caller named; rounding at the end is a line of its own. All amounts are micro-tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rules.ledger.commands import HOLD_LINES_MAX
from rules.ledger.journal import Entry
from rules.ledger.kinds import GrantSource, HoldState
from rules.ledger.state import CapturedLine, Hold

EXPLAINED_LINES_MAX: Final = HOLD_LINES_MAX
"""Captured lines that are explained at once: as many as a hold can be made for. A stream may capture more."""

EXPLAINED_ENTRIES_MAX: Final = 2 * EXPLAINED_LINES_MAX
"""Entries that are shown with them: one for each line, and as many of extensions, releases and refunds."""


class ChargeBasis(StrEnum):
    """What a captured line's cost rests on."""

    PRICE = "PRICE"
    SET_ASIDE = "SET_ASIDE"
    AMOUNT = "AMOUNT"
    ROUNDING = "ROUNDING"


@dataclass(frozen=True, slots=True)
class BurnedPart:
    """What was captured from one grant, or from the credit line (`grant_id` None), and given back of it."""

    grant_id: int | None
    source: GrantSource | None
    captured: int
    refunded: int


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A hold with what was written of it, from one snapshot; lines and entries in order, as many as are explained."""

    hold: Hold
    lines: tuple[CapturedLine, ...]
    burned: tuple[BurnedPart, ...]
    entries: tuple[Entry, ...]
    more_entries: bool

    @property
    def more_lines(self) -> bool:
        """Whether more lines were captured than are explained at once."""
        return self.hold.captures > len(self.lines)


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What a line's price makes of its params and count: as work that has run, and as the bound to set aside.

    `bound` is None where the params are beyond what may be reserved.
    """

    cost: int
    bound: int | None
    rounds_at_end: bool


@dataclass(frozen=True, slots=True)
class LineCheck:
    """One captured line: what was charged for it, and what it comes to when it is worked out anew."""

    line: CapturedLine
    basis: ChargeBasis
    recomputed: int

    @property
    def matches(self) -> bool:
        """Whether the two are the same."""
        return self.line.amount == self.recomputed


@dataclass(frozen=True, slots=True)
class ChargeCheck:
    """Every captured line checked; `recomputed` and `matches` are None where there are too many to check them all."""

    lines: tuple[LineCheck, ...]
    recomputed: int | None
    matches: bool | None


def check_charge(facts: ChargeFacts, prices: Mapping[int, LinePrice]) -> ChargeCheck:
    """Works a hold's charge out anew. `prices` are by the version of each line that has a model."""
    in_call = Counter(line.call for line in facts.lines if not line.rounding)
    work = [
        _check_line(line, prices.get(line.version), alone=in_call[line.call] == 1)
        for line in facts.lines
        if not line.rounding
    ]
    metered = sum(
        check.line.amount
        for check in work
        if check.basis in (ChargeBasis.PRICE, ChargeBasis.SET_ASIDE) and prices[check.line.version].rounds_at_end
    )
    if facts.more_lines:
        # Without the other lines nobody can say what they come to together.
        as_written = [LineCheck(line, ChargeBasis.ROUNDING, line.amount) for line in facts.lines if line.rounding]
        return ChargeCheck(_in_order(work, as_written), None, None)
    rounding = _rounding(facts.hold)
    written = [line for line in facts.lines if line.rounding]
    rounded = [LineCheck(line, ChargeBasis.ROUNDING, rounding if line is written[0] else 0) for line in written]
    recomputed = sum(check.recomputed for check in work) + rounding
    agree = recomputed == facts.hold.captured and all(check.matches for check in (*work, *rounded))
    # An amount that happens to be the price is told from it by nothing but what the hold counted as metered.
    return ChargeCheck(
        _in_order(work, rounded), recomputed, agree and facts.hold.metered <= metered and _adds_up(facts)
    )


def _check_line(line: CapturedLine, price: LinePrice | None, *, alone: bool) -> LineCheck:
    uncovered = line.cost - line.amount
    if price is None:
        return LineCheck(line, ChargeBasis.AMOUNT, line.amount)
    if line.cost == price.cost:
        return LineCheck(line, ChargeBasis.PRICE, line.amount)
    if line.cost == price.bound:
        return LineCheck(line, ChargeBasis.SET_ASIDE, line.amount)
    if alone:
        # A call that named an amount captured one line and no other.
        return LineCheck(line, ChargeBasis.AMOUNT, line.amount)
    return LineCheck(line, ChargeBasis.PRICE, price.cost - uncovered)


def _rounding(hold: Hold) -> int:
    """What the final commit had to add; less only where the hold had nothing left to give."""
    if hold.state is not HoldState.COMMITTED or hold.rounding_unit == 0:
        return 0
    missing = -hold.metered % hold.rounding_unit
    return hold.rounding if hold.rounding < missing and hold.returned == 0 else missing


def _adds_up(facts: ChargeFacts) -> bool:
    """Whether grants and journal tell of the same charge."""
    hold = facts.hold
    if sum(part.captured for part in facts.burned) != hold.captured:
        return False
    if sum(part.refunded for part in facts.burned) != hold.refunded:
        return False
    return facts.more_entries or sum(entry.spent for entry in facts.entries) == hold.captured - hold.refunded


def _in_order(work: list[LineCheck], rounding: list[LineCheck]) -> tuple[LineCheck, ...]:
    return tuple(sorted((*work, *rounding), key=lambda check: check.line.version))
