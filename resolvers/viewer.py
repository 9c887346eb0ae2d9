"""The viewer, and anything by its id."""

from __future__ import annotations

from typing import assert_never

import strawberry

from resolvers.context import Info
from resolvers.holds import find_hold
from resolvers.scope import principal_of, tenant_with
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
from services.principal import Scope


@output
class ViewerQueries:
    """Reads that belong to no noun of their own."""

    @strawberry.field
    async def viewer(self, info: Info) -> Viewer | None:
        """Who is asking: the credential's kind, scopes, tenant and account."""
        principal = principal_of(info)
        return Viewer(
            kind=CredentialKind(principal.kind.value),
            scopes=[scope.value for scope in principal.scopes],
            tenant_id=None if principal.tenant_id is None else shown_id(IdKind.TENANT, principal.tenant_id),
            tenant_name=principal.tenant_name,
            mode=principal.mode,
            account_id=None if principal.account_id is None else shown_id(IdKind.ACCOUNT, principal.account_id),
            expires_at=principal.expires_at,
        )

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """An account, member, hold, grant, entry or alert event by its id; null when the tenant has none of this id.

        id: the id
        """
        tenant_id = tenant_with(info, Scope.READ)
        named = parse_public_id(id)
        if named is None:
            return None
        reads, account_id, local = info.context.reads, named.owner, named.local or 0
        match named.kind:
            case IdKind.ACCOUNT:
                account = await info.context.services.accounts.get(tenant_id, account_id)
                return None if account is None else shown_account(tenant_id, account)
            case IdKind.HOLD:
                return await find_hold(info, tenant_id, id)
            case IdKind.GRANT:
                grant = await reads.grant(tenant_id, account_id, local)
                return None if grant is None else shown_grant(account_id, grant)
            case IdKind.ENTRY:
                entry = await reads.entry(tenant_id, account_id, local)
                return None if entry is None else shown_entry(entry)
            case IdKind.ALERT:
                event = await reads.alert_event(tenant_id, account_id, local)
                return None if event is None else shown_alert_event(account_id, event)
            case IdKind.MEMBER:
                member = None
                if named.part is not None:
                    member = await reads.member(tenant_id, account_id, named.part)
                return None if member is None else shown_member(tenant_id, account_id, member)
            case IdKind.BALANCE | IdKind.LIMIT | IdKind.QUOTE | IdKind.TENANT | IdKind.API_KEY | IdKind.PROMO_CODE:
                return None
            case _:
                assert_never(named.kind)
