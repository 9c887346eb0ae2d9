"""Who is asking, and what each kind of credential may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.credentials import CredentialKind
from rules.ledger.kinds import MemberRole
from rules.ledger.records import MembersSeen


class Scope(StrEnum):
    """What a credential may do.

    READ: prices, balances, estimates. QUOTE: lock prices. SPEND: reserve to refund. BUY: get tokens for an account, so
    far by promo codes. ADMINISTER: members, limits, alerts, assignments, projects and workflows of an account, and the
    log of what was changed. MANAGE: accounts, grants, price books, the
    test clock, client tokens. KEYS: make and revoke keys. TENANTS: create tenants.
    """

    READ = "read"
    QUOTE = "quote"
    SPEND = "spend"
    BUY = "buy"
    ADMINISTER = "administer"
    MANAGE = "manage"
    KEYS = "keys"
    TENANTS = "tenants"


SCOPES: Final[dict[CredentialKind, tuple[Scope, ...]]] = {
    CredentialKind.ROOT: (Scope.KEYS, Scope.TENANTS),
    CredentialKind.SECRET: (
        Scope.READ,
        Scope.QUOTE,
        Scope.SPEND,
        Scope.BUY,
        Scope.ADMINISTER,
        Scope.MANAGE,
        Scope.KEYS,
    ),
    CredentialKind.PARTNER: (Scope.READ,),
}
"""By kind of key; with `CLIENT_SCOPES`, nothing else decides what one may do."""

CLIENT_SCOPES: Final[dict[MemberRole, tuple[Scope, ...]]] = {
    MemberRole.ADMIN: (Scope.READ, Scope.QUOTE, Scope.BUY, Scope.ADMINISTER),
    MemberRole.MEMBER: (Scope.READ, Scope.QUOTE, Scope.BUY),
    MemberRole.VIEWER: (Scope.READ, Scope.QUOTE),
}
"""By the role of a client token. None spends: tokens are in browsers, and what work costs is the backend's to say."""

_ROLES_UPWARDS: Final = (MemberRole.VIEWER, MemberRole.MEMBER, MemberRole.ADMIN)

KIND_OF_KEY: Final[dict[ApiKeyKind, CredentialKind]] = {
    ApiKeyKind.SECRET: CredentialKind.SECRET,
    ApiKeyKind.PARTNER: CredentialKind.PARTNER,
}
"""Which kind of credential a stored key is."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Tenant and key are None for ROOT only; account and member narrow the scope where set.

    `key_id` of a client token is the key that it was made with; `role` is set for client tokens alone.
    """

    kind: CredentialKind
    scopes: tuple[Scope, ...]
    tenant_id: UUID | None = None
    tenant_slug: str | None = None
    tenant_name: str | None = None
    mode: TenantMode | None = None
    account_id: UUID | None = None
    member_id: UUID | None = None
    role: MemberRole | None = None
    key_id: UUID | None = None
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the credential includes this scope."""
        return scope in self.scopes

    @property
    def members_seen(self) -> MembersSeen:
        """Keys and admins see all members of an account, others the pool and, where they are a member, themselves."""
        return MembersSeen(self.role is None or self.role is MemberRole.ADMIN, self.member_id)


def lesser_role(one: MemberRole, other: MemberRole) -> MemberRole:
    """The one that may do less."""
    return min(one, other, key=_ROLES_UPWARDS.index)


OPERATOR: Final = Principal(CredentialKind.ROOT, SCOPES[CredentialKind.ROOT])
"""Whoever has the root key, or the command line of the server."""
