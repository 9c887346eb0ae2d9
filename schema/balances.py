"""Balances and grants: what an account has, and where it came from."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from rules.identity import IdKind, scope_id_of
from rules.ledger.balance import BalanceSnapshot
from rules.ledger.state import Grant as GrantRow
from rules.pricing import money as rules
from schema.described import output
from schema.limits import LimitStatus, shown_limit
from schema.money import Money, shown_money
from schema.nodes import Node, shown_id, shown_id_or_none, shown_member_id
from schema.reads import Info
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
    """What an account has for a member or project, or for everyone, at one version.

    Snapshots of one `id` are ordered by (version, asOf).
    """

    id: strawberry.ID
    """Of the account, or of the member or project that it is seen for, and the same for every snapshot of that: a
    client's cache keeps one each, and drops those with an older version."""
    account_id: strawberry.ID
    """Whose balance it is."""
    member_id: strawberry.ID | None
    """The member that it is seen for."""
    project: str | None
    """The project that it is seen for."""
    version: Version
    """The number of the latest journal entry that it shows."""
    total: Tokens
    """Tokens left on the grants that are assigned to nobody and on those of the member or project that it is seen for,
    held tokens of expired grants included."""
    held: Tokens
    """Tokens on hold on the same grants, and all that is held on the credit line."""
    available: Tokens
    """Tokens that can be reserved now: total - held - owed + max(0, creditLimit), never below 0. Meaningless when
    unlimited."""
    assigned: Tokens
    """Of the total, tokens that are assigned to the member or project that it is seen for."""
    owed: Tokens
    """Tokens drawn on the credit line, plus what was clawed back after it was spent or sent. A paid invoice, or a
    settlement by the operator, lowers it; incoming tokens pay what was clawed back, and never the credit line."""
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
    """The later of this version's instant and the beginning of the day shown; where the day's limit is the price
    book's, not before that came into force. Unchanged reads repeat it."""


@output
class Grant(Node):
    """A lot of tokens with a source, a priority and an end."""

    source: GrantSource
    """Where it came from."""
    amount: Tokens
    """Tokens that came in, or were assigned."""
    remaining: Tokens
    """Tokens left of it, held ones included."""
    held: Tokens
    """Tokens of it on hold."""
    priority: int
    """Lower is spent first; among equals what expires soonest, then the oldest."""
    expires_at: datetime | None
    """When what is left ends; null: never."""
    member_id: strawberry.ID | None
    """The member that it is assigned to: a part split off `parentId`, with its expiry and priority."""
    project: str | None
    """The project that it is assigned to, likewise."""
    parent_id: strawberry.ID | None
    """The grant that it was split off, and to which it goes back when it is taken back."""
    created_at: datetime
    """When it came in."""
    note: str | None
    """What whoever gave it wrote."""
    tenant_id: strawberry.Private[UUID]
    paid_minor_units: strawberry.Private[int]
    paid_currency: strawberry.Private[str | None]

    @strawberry.field
    async def paid(self, info: Info) -> Money | None:
        """What was paid for it; bonuses 0. What was assigned or sent of it took its share along. Null: nothing was
        paid, and no price book in force says in which currency."""
        currency = self.paid_currency or await info.context.price_books.currency(self.tenant_id)
        return None if currency is None else shown_money(rules.Money(self.paid_minor_units, currency))


def shown_balance(snapshot: BalanceSnapshot) -> Balance:
    """A snapshot as it is shown."""
    expiring = None
    if snapshot.expiring_at is not None:
        expiring = ExpiringTokens(amount=Tokens(snapshot.expiring_amount), expires_at=snapshot.expiring_at)
    return Balance(
        id=shown_id(IdKind.BALANCE, snapshot.account_id, part=scope_id_of(*snapshot.spender)),
        account_id=shown_id(IdKind.ACCOUNT, snapshot.account_id),
        member_id=shown_member_id(snapshot.account_id, snapshot.spender.member_id),
        project=snapshot.spender.project,
        version=Version(snapshot.version),
        total=Tokens(snapshot.total),
        held=Tokens(snapshot.held),
        available=Tokens(snapshot.available),
        assigned=Tokens(snapshot.assigned),
        owed=Tokens(snapshot.owed),
        unlimited=snapshot.unlimited,
        level=snapshot.level,
        remaining_percent=snapshot.remaining_percent,
        today=shown_limit(snapshot.today),
        expiring_next=expiring,
        as_of=snapshot.as_of,
    )


def shown_grant(tenant_id: UUID, account_id: UUID, grant: GrantRow) -> Grant:
    """A grant's row as it is shown."""
    return Grant(
        id=shown_id(IdKind.GRANT, account_id, grant.grant_id),
        source=grant.source,
        amount=Tokens(grant.granted),
        remaining=Tokens(grant.remaining),
        held=Tokens(grant.held),
        priority=grant.priority,
        expires_at=grant.expires_at,
        member_id=shown_member_id(account_id, grant.member_id),
        project=grant.project,
        parent_id=shown_id_or_none(IdKind.GRANT, account_id, grant.parent_id),
        created_at=grant.created_at,
        note=grant.note,
        tenant_id=tenant_id,
        paid_minor_units=grant.paid_minor_units,
        paid_currency=grant.paid_currency,
    )
