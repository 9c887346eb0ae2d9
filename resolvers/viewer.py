"""The viewer, and anything by its id."""

from __future__ import annotations

from typing import Literal, assert_never

import strawberry

from resolvers.context import Info
from resolvers.holds import find_hold
from resolvers.scope import (
    ScopedAccount,
    ScopedMember,
    ScopedRow,
    account_in_scope,
    member_in_scope,
    members_seen,
    principal_of,
    row_in_scope,
    tenant_shown_to,
)
from rules.credentials import CredentialKind
from rules.identity import IdKind, parse_public_id
from schema.accounts import shown_account
from schema.alerts import shown_alert_event
from schema.balances import shown_grant
from schema.described import output
from schema.holds import shown_entry
from schema.members import shown_member
from schema.nodes import Node, shown_id
from schema.viewer import Viewer
from services.principal import Principal, Scope


@output
class ViewerQueries:
    """Reads that belong to no noun of their own."""

    @strawberry.field
    async def viewer(self, info: Info) -> Viewer | None:
        """Who is asking: the credential's kind, scopes, tenant, account and member."""
        principal = principal_of(info)
        return Viewer(
            kind=CredentialKind(principal.kind.value),
            scopes=[scope.value for scope in principal.scopes],
            tenant_id=None if principal.tenant_id is None else shown_id(IdKind.TENANT, principal.tenant_id),
            tenant_name=principal.tenant_name,
            mode=principal.mode,
            account_id=None if principal.account_id is None else shown_id(IdKind.ACCOUNT, principal.account_id),
            member_id=_own_member_id(principal),
            role=principal.role,
            expires_at=principal.expires_at,
        )

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """An account, member, hold, grant, entry or alert event by its id; null when the tenant has none of this id.

        id: the id
        """
        # Who may read nothing is told so, whatever the id.
        tenant_shown_to(info, Scope.READ)
        named = parse_public_id(id)
        match None if named is None else named.kind:
            case IdKind.ACCOUNT:
                account = account_in_scope(info, Scope.READ, id)
                return await _account(info, account) if isinstance(account, ScopedAccount) else None
            case IdKind.HOLD | IdKind.GRANT | IdKind.ENTRY | IdKind.ALERT as kind:
                row = row_in_scope(info, Scope.READ, id, kind)
                return await _row(info, row, kind) if isinstance(row, ScopedRow) else None
            case IdKind.MEMBER:
                scoped = member_in_scope(info, Scope.READ, id)
                return await _member(info, scoped) if isinstance(scoped, ScopedMember) else None
            case (
                None
                | IdKind.BALANCE
                | IdKind.LIMIT
                | IdKind.QUOTE
                | IdKind.TENANT
                | IdKind.API_KEY
                | IdKind.CHANGE
                | IdKind.PROMO_CODE
            ):
                return None
            case other:
                assert_never(other)


async def _account(info: Info, scoped: ScopedAccount) -> Node | None:
    record = await info.context.services.accounts.get(scoped.tenant_id, scoped.account_id)
    return None if record is None else shown_account(scoped.tenant_id, record)


async def _member(info: Info, scoped: ScopedMember) -> Node | None:
    member = await info.context.reads.member(scoped.tenant_id, scoped.account_id, scoped.member_id)
    return None if member is None else shown_member(scoped.tenant_id, scoped.account_id, member)


async def _row(
    info: Info, row: ScopedRow, kind: Literal[IdKind.HOLD, IdKind.GRANT, IdKind.ENTRY, IdKind.ALERT]
) -> Node | None:
    reads, seen = info.context.reads, members_seen(info)
    match kind:
        case IdKind.HOLD:
            return await find_hold(info, row)
        case IdKind.GRANT:
            grant = await reads.grant(row.tenant_id, row.account_id, row.local)
            if grant is None or not seen.include(grant.member_id):
                return None
            return shown_grant(row.tenant_id, row.account_id, grant)
        case IdKind.ENTRY:
            entry = await reads.entry(row.tenant_id, row.account_id, row.local)
            return None if entry is None or not seen.include(entry.member_id) else shown_entry(entry)
        case IdKind.ALERT:
            event = await reads.alert_event(row.tenant_id, row.account_id, row.local, seen=seen)
            return None if event is None else shown_alert_event(row.account_id, event)
        case _:
            assert_never(kind)


def _own_member_id(principal: Principal) -> strawberry.ID | None:
    if principal.account_id is None or principal.member_id is None:
        return None
    return shown_id(IdKind.MEMBER, principal.account_id, part=principal.member_id)
