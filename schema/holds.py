"""Holds and entries: tokens set aside for work, and the journal of everything that happened."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.hold_events import HoldsEvent as HoldsEventRecord
from rules.ledger.journal import Entry as EntryRow
from rules.ledger.records import CaptureView, LineView
from rules.ledger.state import Hold as HoldRow
from schema.described import output
from schema.nodes import Node, shown_id, shown_id_or_none, shown_member_id
from schema.prices import EstimateLine, PriceBook, shown_book, shown_line
from schema.reads import Info, LedgerReads
from schema.scalars import Tokens, Version
from schema.words import EntryKind, HoldState, WorkOutcome


class HoldsTogether:
    """Holds that are told of in one event: what lies behind them is read once, whoever selects it how often.

    Their rows come without lines, so that events that wait for slow clients stay small.
    """

    __slots__ = ("_captures", "_event", "_lines", "_reading")

    def __init__(self, event: HoldsEventRecord) -> None:
        self._event = event
        self._lines: Mapping[int, tuple[LineView, ...]] | None = None
        self._captures: Mapping[int, tuple[CaptureView, ...]] | None = None
        self._reading = asyncio.Lock()

    async def lines(self, reads: LedgerReads, hold_id: int) -> tuple[LineView, ...]:
        """What one of them was made for, by now."""
        async with self._reading:
            if self._lines is None:
                position, hold_ids = self._event.position, [row.hold_id for row in self._event.holds]
                self._lines = await reads.lines_of_holds(position.tenant_id, position.account_id, hold_ids)
        return self._lines.get(hold_id, ())

    async def captures(self, reads: LedgerReads, hold_id: int) -> tuple[CaptureView, ...]:
        """The latest captures of one of them, up to the event's version."""
        async with self._reading:
            if self._captures is None:
                position = self._event.position
                self._captures = await reads.latest_captures(
                    position.tenant_id,
                    position.account_id,
                    [row.hold_id for row in self._event.holds if row.captures > 0],
                    position.version,
                )
        return self._captures.get(hold_id, ())


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """A hold's row with the keys that lead to what lies behind it."""

    tenant_id: UUID
    account_id: UUID
    row: HoldRow
    together: HoldsTogether | None = None


@output
class Capture:
    """What one call took from a hold."""

    amount: Tokens
    """Tokens charged, rounding at the end left aside."""
    lines: list[EstimateLine]
    """What was captured; empty for a plain amount."""
    at: datetime
    """When it was."""


@output
class Hold(Node):
    """Tokens set aside for work, from particular grants.

    What of `amount` is neither captured nor remaining has gone back, as it does when the hold ends. Only a commit with
    CHARGE_AVAILABLE captures beyond it.
    """

    account_id: strawberry.ID
    """Whose tokens they are."""
    member_id: strawberry.ID | None
    """The member that the work is for."""
    project: str | None
    """The project that the work is for."""
    state: HoldState
    """Where it is in its life."""
    amount: Tokens
    """The upper bound that was set aside, in tokens."""
    captured: Tokens
    """Tokens spent so far, rounding included."""
    remaining: Tokens
    """Tokens still set aside; 0 once the hold has ended."""
    refunded: Tokens
    """Tokens given back of what was captured."""
    rounding: Tokens
    """Tokens charged beyond the captured lines by rounding at the end."""
    outcome: WorkOutcome | None
    """How the work ended, where the hold was released."""
    created_at: datetime
    """When it was made."""
    expires_at: datetime
    """When it ends by itself unless it was ended before."""
    ended_at: datetime | None
    """When it left OPEN."""
    description: str | None
    """What whoever reserved wrote."""
    record: strawberry.Private[HoldRecord]

    @strawberry.field
    async def lines(self, info: Info) -> list[EstimateLine]:
        """What was set aside, line by line; empty for a plain amount."""
        record, reads = self.record, info.context.reads
        if record.together is not None:
            lines = await record.together.lines(reads, record.row.hold_id)
        else:
            lines = await reads.hold_lines(record.tenant_id, record.account_id, record.row)
        return [shown_line(line) for line in lines]

    @strawberry.field
    async def captures(self, info: Info) -> list[Capture]:
        """What was captured, call by call, oldest first.

        In events of `holds` only the latest calls, of some 20 lines."""
        record = self.record
        if record.together is not None:
            latest = await record.together.captures(info.context.reads, record.row.hold_id)
            return [_shown_capture(capture) for capture in latest]
        captures = await info.context.reads.hold_captures(record.tenant_id, record.account_id, record.row)
        return [_shown_capture(capture) for capture in captures]

    @strawberry.field
    async def price_book(self, info: Info) -> PriceBook:
        """The version that the hold is priced at, for its whole life."""
        record = self.record
        version = record.row.price_book_version
        published = await info.context.price_books.at_version(record.tenant_id, version)
        if published is None:
            raise LookupError(f"hold {record.row.hold_id}: price book version {version} is gone")
        return shown_book(published)


@output
class Entry(Node):
    """One fact of the journal; one for each captured line. Versions are 1, 2, 3 … without a gap."""

    version: Version
    """Its number in the account's journal."""
    kind: EntryKind
    """What happened."""
    at: datetime
    """When it did."""
    total_change: Tokens
    """By how many tokens the account's total changed."""
    held_change: Tokens
    """By how many tokens what is on hold changed."""
    owed_change: Tokens
    """By how many tokens what is owed changed."""
    spent: Tokens
    """Tokens charged by this entry: positive for captures and rounding, negative for refunds, else 0."""
    available_after: Tokens
    """Tokens that could be reserved afterwards, over the whole account."""
    member_id: strawberry.ID | None
    """The member that it was for, or that it changed."""
    project: str | None
    """The project that it was for."""
    ref: str | None
    """The captured line's own name."""
    model: str | None
    """The captured line's model."""
    category: str | None
    """The captured line's category."""
    hold_id: strawberry.ID | None
    """The hold concerned."""
    grant_id: strawberry.ID | None
    """The grant concerned, where it is one alone."""
    note: str | None
    """What whoever caused it wrote; of an ADJUSTMENT the setting that was changed."""


@output
class HoldsEvent:
    """An account's holds as they change. Versions of one subscription only rise, and asOf with them."""

    account_id: strawberry.ID
    """Whose holds they are."""
    member_id: strawberry.ID | None
    """The member whose holds alone are told of."""
    version: Version
    """The number of the latest journal entry that it tells of."""
    as_of: datetime
    """When that entry was made."""
    snapshot: bool
    """Whether `holds` are what is open, in place of all that was told before: first, and where more than 100 changed.
    Otherwise they are those that changed since the event before."""
    open_count: int
    """How many of the holds that are told of here are open."""
    held: Tokens
    """Tokens that these open holds have set aside."""
    holds: list[Hold]
    """Newest first, 100 at most, each as it is now: of a snapshot the newest open ones; else those that were made,
    extended, captured, refunded or ended."""


def shown_holds_event(event: HoldsEventRecord) -> HoldsEvent:
    """What is told of holds as it is shown."""
    tenant_id, account_id = event.position.tenant_id, event.position.account_id
    together = HoldsTogether(event)
    return HoldsEvent(
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        member_id=shown_member_id(account_id, event.view.member_id),
        version=Version(event.version),
        as_of=event.as_of,
        snapshot=event.snapshot,
        open_count=event.open.number,
        held=Tokens(event.open.held),
        holds=[shown_hold(tenant_id, account_id, row, together) for row in event.holds],
    )


def shown_hold(tenant_id: UUID, account_id: UUID, row: HoldRow, together: HoldsTogether | None = None) -> Hold:
    """A hold's row as it is shown; `together` with others of one event."""
    return Hold(
        id=shown_id(IdKind.HOLD, account_id, row.hold_id),
        account_id=shown_id(IdKind.ACCOUNT, account_id),
        member_id=shown_member_id(account_id, row.member_id),
        project=row.project,
        state=row.state,
        amount=Tokens(row.amount),
        captured=Tokens(row.captured),
        remaining=Tokens(row.remaining),
        refunded=Tokens(row.refunded),
        rounding=Tokens(row.rounding),
        outcome=row.outcome,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        description=row.description,
        record=HoldRecord(tenant_id, account_id, row, together),
    )


def shown_entry(row: EntryRow) -> Entry:
    """An entry as it is shown."""
    account_id = row.account_id
    return Entry(
        id=shown_id(IdKind.ENTRY, account_id, row.version),
        version=Version(row.version),
        kind=row.kind,
        at=row.at,
        total_change=Tokens(row.total_change),
        held_change=Tokens(row.held_change),
        owed_change=Tokens(row.owed_change),
        spent=Tokens(row.spent),
        available_after=Tokens(row.available_after),
        member_id=shown_member_id(account_id, row.member_id),
        project=row.project,
        ref=row.ref,
        model=row.model,
        category=row.category,
        hold_id=shown_id_or_none(IdKind.HOLD, account_id, row.hold_id),
        grant_id=shown_id_or_none(IdKind.GRANT, account_id, row.grant_id),
        note=row.note,
    )


def _shown_capture(capture: CaptureView) -> Capture:
    return Capture(amount=Tokens(capture.amount), lines=[shown_line(line) for line in capture.lines], at=capture.at)
