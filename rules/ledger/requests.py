"""What a caller asks of the ledger before prices and keys are looked at: ids are resolved, nothing else is judged.

Amounts are micro-tokens. Services turn a request into a command: they check lengths and bounds, price the lines, and
fingerprint the whole request (defaults filled in) for its idempotency key. Every request that moves tokens carries one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from rules.ledger.commands import HOLD_TTL_SECONDS_DEFAULT
from rules.ledger.kinds import GrantSource, MemberRole, OverrunPolicy, WorkOutcome
from rules.pricing.rating import LineRequest

Work = tuple[LineRequest, ...] | int
"""What is to be paid for: lines to be priced, or a plain amount in micro-tokens."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Work whose price was locked: the quote's public id, as the caller sent it."""

    quote_id: str


PayableWork = Work | Quoted
"""What can be reserved, charged, and added to a hold."""


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """Whose account is meant. The tenant is the credential's; whether the account is its own, the ledger says."""

    tenant_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class ReserveRequest(AccountRequest):
    """Reserve, or charge: the same input serves both verbs. `ttl_seconds` counts from now."""

    key: str
    work: PayableWork
    ttl_seconds: int = HOLD_TTL_SECONDS_DEFAULT
    project: str | None = None
    not_after: datetime | None = None
    description: str | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CommitRequest(AccountRequest):
    """Capture `actual`; None: all that remains of the hold."""

    key: str
    hold_id: int
    actual: Work | None = None
    final: bool = True
    overrun: OverrunPolicy = OverrunPolicy.REFUSE


@dataclass(frozen=True, slots=True)
class ReleaseRequest(AccountRequest):
    """Give back whatever was not captured."""

    key: str
    hold_id: int
    outcome: WorkOutcome = WorkOutcome.CANCELLED
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ExtendRequest(AccountRequest):
    """Add time, work, or both."""

    key: str
    hold_id: int
    ttl_seconds: int | None = None
    work: PayableWork | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest(AccountRequest):
    """Give captured tokens back; `amount` None: all that is left of them."""

    key: str
    hold_id: int
    amount: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GrantRequest(AccountRequest):
    """Add tokens. Without `expires_at` they end as the price book's policy says, or, `never_expires`, not at all."""

    key: str
    amount: int
    source: GrantSource = GrantSource.BONUS
    priority: int = 50
    expires_at: datetime | None = None
    note: str | None = None
    never_expires: bool = False


@dataclass(frozen=True, slots=True)
class RevokeGrantRequest(AccountRequest):
    """Take back what is unspent of a grant."""

    key: str
    grant_id: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TransferRequest(AccountRequest):
    """Send tokens to another account of the tenant."""

    key: str
    target_id: UUID
    amount: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SettleOwedRequest(AccountRequest):
    """Record that so much of what is owed was paid elsewhere."""

    key: str
    amount: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class EstimateRequest:
    """Price work, and lock that price if asked; without an account nothing is said of balance and blockers."""

    tenant_id: UUID
    work: Work
    account_id: UUID | None = None
    project: str | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AffordableRequest(AccountRequest):
    """Ask for the largest value of one dimension, or of "count", that the account could reserve now."""

    model: str
    dimension: str
    params: Mapping[str, object] = field(default_factory=dict)
    project: str | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AssignRequest(AccountRequest):
    """Move tokens between the pool and a member or project (one of the two); below 0: take them back."""

    key: str
    amount: int
    member_id: UUID | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class NewMember:
    """Take somebody in."""

    external_id: str
    name: str
    role: MemberRole = MemberRole.MEMBER


@dataclass(frozen=True, slots=True)
class ChangedMember:
    """Change a member; `member_id` None: its id names nobody of the account. `nulls`: what was given as null."""

    member_id: UUID | None
    name: str | None = None
    role: MemberRole | None = None
    nulls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoneMember:
    """Remove a member."""

    member_id: UUID | None


@dataclass(frozen=True, slots=True)
class MembersRequest(AccountRequest):
    """Change members, one after the other, all or none; `listed`: they were given as a list."""

    changes: tuple[NewMember | ChangedMember | GoneMember, ...]
    listed: bool = False
