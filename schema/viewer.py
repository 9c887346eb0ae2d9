"""The viewer: who is asking."""

from __future__ import annotations

from datetime import datetime

import strawberry

from schema.described import output
from schema.words import CredentialKind, MemberRole, TenantMode


@output
class Viewer:
    """Who is asking, as the credential says."""

    kind: CredentialKind
    """The credential's kind."""
    scopes: list[str]
    """What it may do, such as "read" or "spend"."""
    tenant_id: strawberry.ID | None
    """Whose it is; null for the root key."""
    tenant_name: str | None
    """What people call the tenant."""
    mode: TenantMode | None
    """Whether the tenant is LIVE or TEST."""
    account_id: strawberry.ID | None
    """The one account that it is for; null: all of the tenant's."""
    member_id: strawberry.ID | None
    """The member that a client token is for; null: for the account."""
    role: MemberRole | None
    """What a client token may do in its account; null for keys."""
    expires_at: datetime | None
    """When the credential ends; null: never by itself."""
