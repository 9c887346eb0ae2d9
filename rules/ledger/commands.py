"""What the ledger can be told to do. Commands are complete: prices, ids and texts are ready.

Amounts are micro-tokens. `refusal` carries what was found wrong before the queue; it counts only when the key is
unknown and the account exists, because a replay is judged before every other rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rules.ledger.gates import Gate
from rules.ledger.kinds import GrantSource, Mutation, OverrunPolicy, WorkOutcome
from rules.ledger.refusals import InputRefusal

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
class SettleOwed(Command):
    """Records that so much of what is owed was paid elsewhere."""

    once: Once
    amount: int
    note: str | None = None
    text_salt: bytes = b""
    refusal: InputRefusal | None = None


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


AnyCommand = (
    Settle
    | OpenAccount
    | AdjustAccount
    | CloseAccount
    | Reserve
    | Charge
    | Commit
    | Release
    | Extend
    | Refund
    | GrantTokens
    | RevokeGrant
    | ClawBack
    | SettleOwed
    | SendTokens
    | ReceiveTransfer
)
