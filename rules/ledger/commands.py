"""What the ledger can be told to do. Commands are complete: prices, ids and texts are ready.

Amounts are micro-tokens. `refusal` carries what was found wrong before the queue; it counts only when the key is
unknown and the account exists, because a replay is judged before every other rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from rules.ledger.alerting import DAY_LIMIT_PERCENTS, LOW_BALANCE_PERCENTS
from rules.ledger.gates import Gate
from rules.ledger.kinds import GrantSource, LimitPeriod, LimitScope, Mutation, OverrunPolicy, WorkOutcome
from rules.ledger.member_changes import MemberChange
from rules.ledger.refusals import InputRefusal
from rules.pricing.refusals import InvalidInput

HOLD_TTL_SECONDS_DEFAULT = 900
HOLD_TTL_SECONDS_MAX = 86_400
HOLD_LINES_MAX = 1_000
"""Lines of one hold, with all that extensions add: they are kept, shown and refunded together."""
HOLD_LIFE_DAYS_MAX = 7
"""A hold lives no longer than this, however often it is extended."""


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key: `fingerprint` is a digest of the canonical input."""

    mutation: Mutation
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One priced line. `cost` is what it is charged, or its upper bound where it is reserved."""

    ref: str | None
    model: str | None
    category: str | None
    params_json: str
    count: int
    cost: int
    price_book_version: int
    rounds_at_end: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What every command says: whose account it is. The core refuses to touch another tenant's row."""

    tenant_id: UUID
    account_id: UUID
    daily_limit: int | None = field(default=None, kw_only=True)
    """What the price book in force allows an account a day that has set no limit of its own; None: any amount."""
    daily_limit_since: datetime | None = field(default=None, kw_only=True)
    """When that price book came into force, as a read shows it."""


@dataclass(frozen=True, slots=True)
class Settle(Command):
    """Only settles what is due."""


@dataclass(frozen=True, slots=True)
class PlanAssignment:
    """The plan that an account is to be on; None: none. `tokens` come with it the first time, and never again.

    They expire so many months after they came; None: never.
    """

    plan_id: str | None
    tokens: int = 0
    expires_after_months: int | None = None

    @property
    def source_ref(self) -> str:
        """What its tokens are granted for: once per account, ever."""
        return f"plan:{self.plan_id}"


@dataclass(frozen=True, slots=True)
class OpenAccount(Command):
    """Opens the account, once; a later one does nothing. `trial_expires_after_months` counts from now."""

    time_zone: str
    trial_amount: int = 0
    trial_expires_after_months: int | None = None
    """None: the trial tokens never expire."""
    grace_days: int = 7
    alert_percents: tuple[int, ...] = LOW_BALANCE_PERCENTS
    day_limit_percents: tuple[int, ...] = DAY_LIMIT_PERCENTS
    """Both fall; what the account is warned of until it sets something else."""
    plan: PlanAssignment | None = None


@dataclass(frozen=True, slots=True)
class AdjustAccount(Command):
    """Changes settings that decisions rest on; None leaves one as it is."""

    time_zone: str | None = None
    frozen: bool | None = None
    credit_limit: int | None = None
    plan: PlanAssignment | None = None


@dataclass(frozen=True, slots=True)
class CloseAccount(Command):
    """Closes the account for good, once; a later one does nothing."""

    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class SetAlerts(Command):
    """Changes what the account is warned of, in any order without repetition; None leaves a list as it is."""

    balance_percents: tuple[int, ...] | None = None
    balance_tokens: tuple[int, ...] | None = None
    day_limit_percents: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reserve(Command):
    """Sets `amount` aside: the sum of the lines' bounds, rounding at the end included."""

    once: Once
    amount: int
    lines: tuple[Line, ...]
    lines_json: str
    price_book_version: int
    ttl_seconds: int = HOLD_TTL_SECONDS_DEFAULT
    rounding_unit: int = 0
    member_id: UUID | None = None
    project: str | None = None
    not_after: datetime | None = None
    description: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None
    quote_expires_at: datetime | None = None
    """Where the work was priced by a quote: from this instant on the price is no longer promised."""
    runs_per_minute: int | None = field(default=None, kw_only=True)
    """How many runs the price book in force allows in any 60 seconds; None: any number."""
    gates: tuple[Gate, ...] = ()
    """The lines' models that not every plan opens."""


@dataclass(frozen=True, slots=True)
class Charge(Reserve):
    """Reserve and final commit in one step; the lines carry their cost, not a bound."""


@dataclass(frozen=True, slots=True)
class Commit(Command):
    """Captures lines, or an amount, or (neither) all that remains.

    `priced_at` is the price book version that the lines were priced at; where the hold has another one the outcome is
    `RepriceAt`, and the caller tries again.
    """

    once: Once
    hold_id: int
    lines: tuple[Line, ...] | None = None
    amount: int | None = None
    final: bool = True
    overrun: OverrunPolicy = OverrunPolicy.REFUSE
    rounding_unit: int = 0
    """What these lines are rounded up to at the end of the hold; 0 where none of them rounds then."""
    priced_at: int | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class Release(Command):
    """Gives everything back that was not captured."""

    once: Once
    hold_id: int
    outcome: WorkOutcome = WorkOutcome.CANCELLED
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class Extend(Command):
    """Adds time, or tokens, or both; the hold lives seven days at most."""

    once: Once
    hold_id: int
    ttl_seconds: int | None = None
    amount: int = 0
    adds_work: bool = False
    lines: tuple[Line, ...] = ()
    lines_json: str = "[]"
    rounding_unit: int = 0
    priced_at: int | None = None
    refusal: InputRefusal | None = None
    quote_expires_at: datetime | None = None
    """As in `Reserve`."""
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund(Command):
    """Gives captured tokens back where they came from; `amount` None: all that is left of them."""

    once: Once
    hold_id: int
    amount: int | None = None
    reason: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class GrantTokens(Command):
    """Adds a lot of tokens. `source_ref` is unique per account, so that one payment is one grant."""

    once: Once
    amount: int
    source: GrantSource
    source_ref: str
    priority: int = 50
    expires_at: datetime | None = None
    expires_after_months: int | None = None
    """Counted from now where no instant is given; None: never."""
    paid_minor_units: int = 0
    paid_currency: str | None = None
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class RevokeGrant(Command):
    """Takes back what is unspent of a grant: the unheld part now, held parts as they come back."""

    once: Once
    grant_id: int
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class ClawBack(RevokeGrant):
    """Takes a whole grant back: what was spent of it is owed from now on."""


@dataclass(frozen=True, slots=True)
class LimitSetting:
    """One limit to be set. `limit` None takes it away; NO_LIMIT says there is none, whatever the default says.

    MEMBER without `member_id` is the default for members.
    """

    scope: LimitScope
    period: LimitPeriod
    member_id: UUID | None = None
    project: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SetLimits(Command):
    """Sets limits, all of them or none. Saying the same again changes nothing.

    `listed`: a member who is not there is named by its place among others, instead of being what was not found.
    """

    settings: tuple[LimitSetting, ...]
    text_salt: bytes = b""
    refusal: InvalidInput | None = None
    listed: bool = False
    faults: Mapping[int, InvalidInput] = field(default_factory=dict)
    """What was found wrong before, by its place among the settings."""


@dataclass(frozen=True, slots=True)
class AssignTokens(Command):
    """Moves tokens between the pool and a member or a project (one of the two); a negative amount takes them back."""

    once: Once
    amount: int
    member_id: UUID | None = None
    project: str | None = None
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class SettleOwed(Command):
    """Records that so much of what is owed was paid elsewhere."""

    once: Once
    amount: int
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class ManageMembers(Command):
    """Changes of members, one after the other, all or none.

    `listed`: they came as a list, so that what is wrong is named by its place in it.
    """

    changes: tuple[MemberChange, ...]
    listed: bool = False
    refusal: InvalidInput | None = None
    faults: Mapping[int, InvalidInput] = field(default_factory=dict)
    """What was found wrong before, by its place among the changes."""


@dataclass(frozen=True, slots=True)
class SendTokens(Command):
    """Takes tokens off for another account of the tenant; they are on their way until `ReceiveTransfer` brings them."""

    once: Once
    amount: int
    target_id: UUID
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


@dataclass(frozen=True, slots=True)
class TransferPart:
    """What was taken off one grant: `version` is that of its TRANSFER entry, by which it is known."""

    version: int
    amount: int
    priority: int
    expires_at: datetime | None
    paid_minor_units: int = 0
    paid_currency: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiveTransfer(Command):
    """Brings what an account sent, once: to its target, or back to itself where the target was closed meanwhile."""

    source_id: UUID
    parts: tuple[TransferPart, ...]


KeyedCommand = (
    Reserve
    | Charge
    | Commit
    | Release
    | Extend
    | Refund
    | GrantTokens
    | RevokeGrant
    | ClawBack
    | AssignTokens
    | SettleOwed
    | SendTokens
)
"""Those that take effect once for each idempotency key."""

AnyCommand = (
    Settle
    | OpenAccount
    | AdjustAccount
    | CloseAccount
    | SetAlerts
    | SetLimits
    | ManageMembers
    | ReceiveTransfer
    | KeyedCommand
)
