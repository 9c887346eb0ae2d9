"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from models.api_key import ApiKeyKind
from models.tenant import TenantMode
from rules.credentials import CredentialKind


class Scope(StrEnum):
    """What a credential may do.

    READ: prices, balances, estimates. QUOTE: lock prices. SPEND: reserve to refund. MANAGE: accounts, grants, price
    books, the test clock. KEYS: make and revoke keys. TENANTS: create tenants.
    """

    READ = "read"
    QUOTE = "quote"
    SPEND = "spend"
    MANAGE = "manage"
    KEYS = "keys"
    TENANTS = "tenants"


SCOPES: Final[dict[CredentialKind, tuple[Scope, ...]]] = {
    CredentialKind.ROOT: (Scope.KEYS, Scope.TENANTS),
    CredentialKind.SECRET: (Scope.READ, Scope.QUOTE, Scope.SPEND, Scope.MANAGE, Scope.KEYS),
}
"""By kind of credential; nothing else decides what one may do."""

KIND_OF_KEY: Final[dict[ApiKeyKind, CredentialKind]] = {ApiKeyKind.SECRET: CredentialKind.SECRET}
"""Which kind of credential a stored key is."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Tenant and key are None for ROOT only; account and member narrow the scope where set."""

    kind: CredentialKind
    scopes: tuple[Scope, ...]
    tenant_id: UUID | None = None
    tenant_slug: str | None = None
    tenant_name: str | None = None
    mode: TenantMode | None = None
    account_id: UUID | None = None
    member_id: UUID | None = None
    key_id: UUID | None = None
    expires_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the credential includes this scope."""
        return scope in self.scopes
