"""One account's rows in memory: what a batch loads under lock, changes, and writes back.

Amounts are micro-tokens, instants UTC. Grants, holds and captured lines are named by the version of the journal entry
that made them. Whoever changes a row marks it in the `AccountState`'s sets, so that only changed rows are written.
"""

from __future__ import annotations

from copy import copy
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from typing import Final
from uuid import UUID

from rules.ledger.alerting import AlertEvent, Alerting
from rules.ledger.journal import Entry
from rules.ledger.kinds import GrantEnd, GrantSource, HoldState, WorkOutcome
from rules.ledger.spending import Scope, Spending
from rules.ledger.team import Member
from rules.ledger.usage import UsageKey, UsageSum, WorkKey
from rules.pricing.tokens import MAX_MICROS

UNLIMITED = -1
"""The credit limit of an account that is never short."""


@dataclass(slots=True)
class Account:
    """The ledger's row of an account. `total`, `held` and what is owed cover the whole account."""

    tenant_id: UUID
    account_id: UUID
    created_at: datetime
    last_at: datetime
    """Instant of the latest entry; time never runs backwards for an account."""
    time_zone: str = "UTC"
    opened: bool = False
    frozen: bool = False
    credit_limit: int = 0
    """How far below zero it may go; UNLIMITED for no bound."""
    total: int = 0
    held: int = 0
    credit_drawn: int = 0
    clawed_back: int = 0
    grace_days: int = 7
    """How long tokens live on that come back to a grant which expired meanwhile."""
    mark: int = 0
    """What was available after tokens last came in; low balance is measured from it."""
    version: int = 0
    head_hash: bytes = b""
    due_at: datetime | None = None
    """No grant or hold falls due before this instant; it may be too early, never too late."""
    plan_id: str | None = None
    closed_at: datetime | None = None
    assigned: int = 0
    """Of the total, what is assigned to members and projects."""
    spending: Spending | None = None
    """None: never spent, and without limits."""
    alerting: Alerting | None = None
    """None: thresholds as they are by default, none crossed."""

    def snapshot(self) -> Account:
        """A copy that later commands leave alone."""
        twin = copy(self)
        twin.spending = None if self.spending is None else self.spending.snapshot()
        twin.alerting = None if self.alerting is None else self.alerting.snapshot()
        return twin

    @property
    def owed(self) -> int:
        """Drawn on the credit line, plus clawed back after it was spent or sent."""
        return self.credit_drawn + self.clawed_back

    @property
    def unlimited(self) -> bool:
        """Whether no balance bounds what it spends."""
        return self.credit_limit == UNLIMITED

    @property
    def takes_no_work(self) -> bool:
        """Whether nothing may be set aside any more, for now or for good."""
        return self.frozen or self.closed_at is not None

    @property
    def available(self) -> int:
        """What can be reserved now, over the whole account; never below 0."""
        return max(0, self.total - self.held - self.owed + max(0, self.credit_limit))

    @property
    def room(self) -> int:
        """How many tokens may still come in before what is available can no longer be counted."""
        return MAX_MICROS - self.total - max(0, self.credit_limit)


@dataclass(slots=True)
class Grant:
    """A lot of tokens. `granted` is the sum of `remaining`, which includes `held`, and of all that went elsewhere."""

    grant_id: int
    source: GrantSource
    granted: int
    remaining: int
    created_at: datetime
    priority: int = 50
    expires_at: datetime | None = None
    held: int = 0
    spent: int = 0
    """Captured, net of refunds."""
    settled: int = 0
    """Paid for clawed-back debt."""
    moved: int = 0
    """Assigned to children, less what they gave back; for a child, what it gave back."""
    transferred: int = 0
    """Sent to another account."""
    expired: int = 0
    revoked: int = 0
    """Revoked or clawed back while unspent."""
    ended: GrantEnd | None = None
    grace: bool = False
    """Made for tokens that came back to an expired grant; when it expires itself, nothing lives on."""
    source_ref: str = ""
    """What it was granted for, unique per account: a payment applies once."""
    member_id: UUID | None = None
    project: str | None = None
    parent_id: int | None = None
    paid_minor_units: int = 0
    """What was paid for what it has kept."""
    paid_currency: str | None = None
    note: str | None = None
    notice_at: datetime | None = None
    """When to warn that it is about to expire; None once that is done."""

    @property
    def unheld(self) -> int:
        """What no hold has set aside."""
        return self.remaining - self.held

    @property
    def kept(self) -> int:
        """What went neither to another grant of the account nor to another account: used up or not."""
        return self.granted - self.moved - self.transferred

    def take_money(self, amount: int) -> int:
        """Takes the money of so many tokens that are about to go, in whole minor units, rounded down.

        The rest stays with what it keeps, so that sums are exact; with the last token all of it goes.
        """
        money = self.paid_minor_units * amount // self.kept
        self.paid_minor_units -= money
        return money

    @property
    def is_assigned(self) -> bool:
        """Whether it serves one member or project alone; what serves everyone is the pool."""
        return self.member_id is not None or self.project is not None

    def is_expired(self, now: datetime) -> bool:
        """Whether its time has ended."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True)
class Allocation:
    """The part of a hold that lies on one grant, or on the credit line (`grant_id` None)."""

    ordinal: int
    grant_id: int | None
    held: int
    captured: int = 0
    returned: int = 0
    refunded: int = 0
    redirected: int = 0
    """Of the refunded part, what went to a new grant because this one had been clawed back."""


@dataclass(slots=True)
class Hold:
    """Tokens set aside. amount + overrun = captured + returned + remaining; remaining is what its allocations hold."""

    hold_id: int
    amount: int
    remaining: int
    created_at: datetime
    expires_at: datetime
    price_book_version: int
    state: HoldState = HoldState.OPEN
    captured: int = 0
    """Spent, rounding included."""
    returned: int = 0
    refunded: int = 0
    overrun: int = 0
    """Captured beyond what was set aside."""
    rounding: int = 0
    rounding_unit: int = 0
    """What metered lines are rounded up to, once, at the final commit; 0 where every line was rounded by itself."""
    metered: int = 0
    """Captured, before that rounding, of lines that round at the end."""
    captures: int = 0
    """How many lines were captured."""
    member_id: UUID | None = None
    project: str | None = None
    lines_json: str = "[]"
    """What was reserved, as `line_codec` writes it."""
    ended_at: datetime | None = None
    outcome: WorkOutcome | None = None
    description: str | None = None
    ended_day: date | None = None
    """The account's local day of its end."""
    allocations: list[Allocation] = field(default_factory=list)

    def snapshot(self) -> Hold:
        """A copy that later commands leave alone, without allocations. Written out, for it stands on the hot path."""
        return Hold(
            self.hold_id,
            self.amount,
            self.remaining,
            self.created_at,
            self.expires_at,
            self.price_book_version,
            self.state,
            self.captured,
            self.returned,
            self.refunded,
            self.overrun,
            self.rounding,
            self.rounding_unit,
            self.metered,
            self.captures,
            self.member_id,
            self.project,
            self.lines_json,
            self.ended_at,
            self.outcome,
            self.description,
            self.ended_day,
        )


@dataclass(slots=True)
class CapturedLine:
    """One captured line's facts, named by the version of its CAPTURE or ROUNDING entry."""

    version: int
    call: int
    """The version of the first line that the same commit captured: lines with one `call` belong together."""
    hold_id: int
    at: datetime
    amount: int
    """What was charged for it."""
    count: int
    price_book_version: int
    member_id: UUID | None
    project: str | None
    model: str | None = None
    category: str | None = None
    params_json: str = "{}"
    cost: int = 0
    """What it cost by its price; more than `amount` where the money ended."""
    ref: str | None = None
    rounding: bool = False
    """Whether it is the rounding at the end of a hold, and no work."""
    refunded: int = 0
    day: date = field(kw_only=True)
    """The account's local day of the capture; its usage is counted on that day for good."""


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """What one REFUND entry gave back of one captured line; named by the entry's version."""

    version: int
    line: int
    """The version of the captured line."""
    amount: int
    day: date
    """The account's local day of the refund."""


@dataclass(slots=True)
class Operation:
    """What took effect under an idempotency key, for good."""

    mutation: str
    key: str
    fingerprint: bytes
    at: datetime
    hold_id: int | None = None
    grant_id: int | None = None
    amount: int = 0
    uncovered: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What must happen outside the account because of it: written with it, done afterwards, exactly once."""

    message_id: int
    """The version of the entry that it comes from."""
    topic: str
    payload_json: str
    at: datetime


@dataclass(slots=True)
class AccountState:
    """An account with the rows that a batch needs, and what the batch has changed of them so far."""

    account: Account
    grants: dict[int, Grant] = field(default_factory=dict)
    """Every grant with tokens left, and those that the loaded holds or commands name."""
    holds: dict[int, Hold] = field(default_factory=dict)
    """The holds that commands name, and those that are due."""
    captured_lines: dict[int, list[CapturedLine]] = field(default_factory=dict)
    """By hold, oldest first; loaded for refunds only."""
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    source_refs: dict[str, int] = field(default_factory=dict)
    """The grant of each source reference that a command names."""
    next_due_at: datetime | None = None
    """The earliest instant at which an open hold falls due that is not loaded; None: there is none."""
    entries: list[Entry] = field(default_factory=list)
    new_operations: list[Operation] = field(default_factory=list)
    new_lines: list[CapturedLine] = field(default_factory=list)
    new_refunds: list[RefundedLine] = field(default_factory=list)
    changed_grants: set[int] = field(default_factory=set)
    changed_holds: set[int] = field(default_factory=set)
    changed_lines: dict[int, CapturedLine] = field(default_factory=dict)
    new_grants: set[int] = field(default_factory=set)
    new_holds: set[int] = field(default_factory=set)
    account_changed: bool = False
    burn_order: list[Grant] | None = None
    """The spendable grants in burn order, worked out when first asked for and forgotten when a grant comes or goes."""
    members: dict[UUID, Member] = field(default_factory=dict)
    """The members that commands name."""
    scopes: dict[Scope, Spending] = field(default_factory=dict)
    """Of the members and projects that commands and loaded holds name, and the default for members."""
    changed_members: set[UUID] = field(default_factory=set)
    removed_members: set[UUID] = field(default_factory=set)
    """Whom this batch removed, also where it then took them in again: their tokens end."""
    changed_scopes: set[Scope] = field(default_factory=set)
    grown: dict[Scope, int] = field(default_factory=dict)
    """What was consumed in the day before this step, of every scope in which it consumed more."""
    new_alerts: list[AlertEvent] = field(default_factory=list)
    rearmed_alerts: dict[int, datetime] = field(default_factory=dict)
    """When the threshold of an event was armed again, by the event's id."""
    noticed: set[int] = field(default_factory=set)
    """Grants whose notice had come while nothing of them was free, and to which this step gave tokens back."""
    used: dict[UsageKey, UsageSum] = field(default_factory=dict)
    """What this batch adds to the sums of usage by day."""
    worked: dict[WorkKey, int] = field(default_factory=dict)
    """How many works ended, by how they ended."""
    outgoing: list[Outgoing] = field(default_factory=list)

    def end_batch(self) -> None:
        """Leaves the account and its grants, and forgets what else was loaded and all that was changed: it is written.

        Nothing that was handed out is touched; only what is not empty is made anew, for this stands on the hot path.
        """
        self.next_due_at, self.account_changed, self.burn_order = None, False, None
        for name, empty in _OF_A_BATCH:
            if getattr(self, name):
                setattr(self, name, empty())

    def add_remaining(self, grant: Grant, amount: int) -> None:
        """Changes what is left of a grant, and with it what is assigned in all; below 0 for what goes."""
        grant.remaining += amount
        if grant.member_id is not None or grant.project is not None:
            self.account.assigned += amount
        self.changed_grants.add(grant.grant_id)


_OF_A_BATCH: Final = tuple(
    (part.name, part.default_factory)
    for part in fields(AccountState)
    if part.default_factory is not MISSING and part.name not in ("grants", "source_refs")
)
"""The collections of a state that are one batch's, and what makes an empty one."""
