"""Members: who belongs to an account."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from rules.identity import IdKind
from rules.ledger.burn_down import Spender
from rules.ledger.team import Member as MemberRow
from schema.described import output
from schema.limits import LimitStatus, shown_limit
from schema.nodes import Node, shown_id
from schema.reads import Info
from schema.scalars import Tokens
from schema.scopes import bad_input
from schema.words import LimitScope, MemberRole


@output
class Member(Node):
    """A user of an account. Its id stays the same for good: who was removed and is added again is the same member."""

    external_id: str
    """The tenant's own name for it; unique per account, never changed."""
    name: str
    """What people call it."""
    role: MemberRole
    """What it may do in its account."""
    active: bool
    """Whether it belongs to the account now; false: it was removed."""
    created_at: datetime
    """When it was first added."""
    removed_at: datetime | None
    """When it was removed; null while it belongs to the account."""
    tenant_id: strawberry.Private[UUID]
    account_id: strawberry.Private[UUID]
    member_id: strawberry.Private[UUID]

    @strawberry.field
    async def limits(self, info: Info) -> list[LimitStatus]:
        """What it has consumed in the running day, week and month and in total, beside the limits that hold for it."""
        found = await info.context.reads.limits(self.tenant_id, self.account_id, Spender(self.member_id))
        return [shown_limit(status) for status in found if status.scope is LimitScope.MEMBER]

    @strawberry.field
    async def usage(
        self,
        info: Info,
        since: Annotated[date | None, strawberry.argument(name="from")] = None,
        until: Annotated[date | None, strawberry.argument(name="to")] = None,
    ) -> Tokens:
        """Tokens that it was charged, refunds taken off.

        since: from this day on, in the account's time zone; absent: from its first
        until: through this day; absent: until now
        """
        if since is not None and until is not None and until < since:
            raise bad_input("`to` must not lie before `from`.")
        spent = await info.context.usage.usage_of_member(self.tenant_id, self.account_id, self.member_id, since, until)
        return Tokens(spent)


def shown_member(tenant_id: UUID, account_id: UUID, row: MemberRow) -> Member:
    """A member's row as it is shown."""
    return Member(
        id=shown_id(IdKind.MEMBER, account_id, part=row.member_id),
        external_id=row.external_id,
        name=row.name,
        role=row.role,
        active=row.active,
        created_at=row.created_at,
        removed_at=row.removed_at,
        tenant_id=tenant_id,
        account_id=account_id,
        member_id=row.member_id,
    )
