"""Keys and tenants as they are listed. A key itself is shown once, when it is made, and never here."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

import strawberry

from rules.identity import IdKind
from schema.described import output
from schema.nodes import shown_id
from schema.words import ApiKeyKind, TenantMode


class KeyRecord(Protocol):
    """A key without what is secret of it."""

    @property
    def key_id(self) -> UUID:
        """Its id."""

    @property
    def kind(self) -> ApiKeyKind:
        """What it may do."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def hint(self) -> str:
        """Its beginning."""

    @property
    def account_id(self) -> UUID | None:
        """The one account that it is for."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""

    @property
    def last_used_at(self) -> datetime | None:
        """When it was last used."""

    @property
    def tokens_last_used_at(self) -> datetime | None:
        """When a token that was made with it was last used."""

    @property
    def expires_at(self) -> datetime | None:
        """When it ends by itself."""

    @property
    def revoked_at(self) -> datetime | None:
        """When it was revoked."""


class TenantRecord(Protocol):
    """A tenant's row."""

    @property
    def tenant_id(self) -> UUID:
        """Its id."""

    @property
    def slug(self) -> str:
        """Its name in lower case."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def mode(self) -> TenantMode:
        """LIVE or TEST."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


@output
class ApiKey:
    """A key, by everything but itself."""

    id: strawberry.ID
    """Its id, by which it can be rotated and revoked."""
    kind: ApiKeyKind
    """What it may do."""
    name: str
    """What people call it."""
    hint: str
    """Its beginning, by which its owner recognises it."""
    account_id: strawberry.ID | None
    """The one account that it reads; null: all of the tenant."""
    created_at: datetime
    """When it was made."""
    last_used_at: datetime | None
    """When it was last used, to about a minute; null: never."""
    tokens_last_used_at: datetime | None
    """When a client token that was made with it was last used, to about a minute; null: never."""
    expires_at: datetime | None
    """When it ends or has ended by itself; null: never."""
    revoked_at: datetime | None
    """When it was revoked; null: it was not."""


@output
class Tenant:
    """An AI product on this server."""

    id: strawberry.ID
    """Its id."""
    slug: str
    """Its name in lower case, unique."""
    name: str
    """What people call it."""
    mode: TenantMode
    """LIVE or TEST."""
    created_at: datetime
    """When it was made."""


def shown_key(record: KeyRecord) -> ApiKey:
    """A key as it is listed."""
    return ApiKey(
        id=shown_id(IdKind.API_KEY, record.key_id),
        kind=record.kind,
        name=record.name,
        hint=record.hint,
        account_id=None if record.account_id is None else shown_id(IdKind.ACCOUNT, record.account_id),
        created_at=record.created_at,
        last_used_at=record.last_used_at,
        tokens_last_used_at=record.tokens_last_used_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
    )


def shown_tenant(record: TenantRecord) -> Tenant:
    """A tenant as it is listed."""
    return Tenant(
        id=shown_id(IdKind.TENANT, record.tenant_id),
        slug=record.slug,
        name=record.name,
        mode=record.mode,
        created_at=record.created_at,
    )
