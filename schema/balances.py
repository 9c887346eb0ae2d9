"""Balances and grants: what an account has, and where it came from."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.state import Grant as GrantRow
from schema.described import output
from schema.limits import LimitStatus, shown_limit
from schema.nodes import Node, shown_id
from schema.scalars import Tokens, Version
from schema.words import BalanceLevel, GrantSource


@output
class ExpiringTokens:
    """Tokens that will expire together."""

    amount: Tokens
    """How many tokens are left on the grants that expire then."""
    expires_at: datetime
    """When they do."""


@output
class Balance:
    """What an account has, at one version. Snapshots of one account are ordered by (version, asOf)."""

    id: strawberry.ID
    """The same for every snapshot of the account: a client's cache keeps one, and drops those with an older version."""
    account_id: strawberry.ID
    """Whose balance it is."""
    version: Version
    """The number of the latest journal entry that it shows."""
    total: Tokens
    """Tokens left on the grants, held tokens of expired grants included."""
    held: Tokens
    """Tokens on hold."""
    available: Tokens
    """Tokens that can be reserved now: total - held - owed + max(0, creditLimit), never below 0. Meaningless when
    unlimited."""
    owed: Tokens
    """Tokens drawn on the credit line, plus what was clawed back after it was spent. A paid invoice, or a settlement by
    the operator, lowers it; incoming tokens pay what was clawed back, and never the credit line."""
    unlimited: bool
    """Whether no balance bounds what the account spends."""
    level: BalanceLevel
    """How `available` stands: YELLOW below 20 % of the mark, RED at none. Unlimited is GREEN."""
    remaining_percent: int | None
    """`available` in percent (0 to 100) of the mark: what was available after tokens last came in, gifts under 5 % of
    it left aside. Null when unlimited or when the mark is 0."""
    today: LimitStatus
    """The running day of the member that it is seen for, else of the account."""
    expiring_next: ExpiringTokens | None
    """The tokens that expire soonest; null when none ever will."""
    as_of: datetime
    """The later of this version's instant and the beginning of the day shown; unchanged reads repeat it."""


@output
class Grant(Node):
    """A lot of tokens with a source, a priority and an end."""

    source: GrantSource
    """Where it came from."""
    amount: Tokens
    """Tokens that came in."""
    remaining: Tokens
    """Tokens left of it, held ones included."""
    held: Tokens
    """Tokens of it on hold."""
    priority: int
    """Lower is spent first; among equals what expires soonest, then the oldest."""
    expires_at: datetime | None
    """When what is left ends; null: never."""
    created_at: datetime
    """When it came in."""
    note: str | None
    """What whoever gave it wrote."""


def shown_balance(snapshot: BalanceSnapshot) -> Balance:
    """A snapshot as it is shown."""
    expiring = None
    if snapshot.expiring_at is not None:
        expiring = ExpiringTokens(amount=Tokens(snapshot.expiring_amount), expires_at=snapshot.expiring_at)
    return Balance(
        id=shown_id(IdKind.BALANCE, snapshot.account_id),
        account_id=shown_id(IdKind.ACCOUNT, snapshot.account_id),
        version=Version(snapshot.version),
        total=Tokens(snapshot.total),
        held=Tokens(snapshot.held),
        available=Tokens(snapshot.available),
        owed=Tokens(snapshot.owed),
        unlimited=snapshot.unlimited,
        level=snapshot.level,
        remaining_percent=snapshot.remaining_percent,
        today=shown_limit(snapshot.today),
        expiring_next=expiring,
        as_of=snapshot.as_of,
    )


def shown_grant(account_id: UUID, grant: GrantRow) -> Grant:
    """A grant's row as it is shown."""
    return Grant(
        id=shown_id(IdKind.GRANT, account_id, grant.grant_id),
        source=grant.source,
        amount=Tokens(grant.granted),
        remaining=Tokens(grant.remaining),
        held=Tokens(grant.held),
        priority=grant.priority,
        expires_at=grant.expires_at,
        created_at=grant.created_at,
        note=grant.note,
    )
