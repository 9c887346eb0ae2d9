"""Keys: who has one may act. They are shown once, kept as hashes, and end on every process within five seconds."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from models.api_key import ApiKey, ApiKeyKind
from models.database import Database
from models.statements import statement
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.key_uses import KeyUses
from services.names import fault_of_name
from services.principal import KIND_OF_KEY, SCOPES, Principal
from services.read_through_cache import ReadThroughCache
from services.secret_key import KEY_LENGTH_MAX, hash_of, hint_of, is_well_formed, new_secret_key

REMEMBERED_SECONDS: Final = 3.0
"""How long a process trusts what it has read; below the five seconds in which a revocation must work everywhere."""

REMEMBERED_MAX: Final = 10_000
UNKNOWN_REMEMBERED_MAX: Final = 1_000
"""Hashes that no key has, so that a client that retries a wrong key costs one look-up in three seconds."""


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new key; `key` is shown this once and stored nowhere."""

    key_id: UUID
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RevokedApiKey:
    """A key that has ended, and when."""

    key_id: UUID
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class _StoredKey:
    principal: Principal
    usable_until_seconds: float | None


class Credentials:
    """Tells who is asking, makes and revokes keys. `start` and `stop` belong to the owner of the process."""

    def __init__(self, database: Database, *, root_key: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._root_hash = hash_of(root_key)
        self._monotonic = monotonic
        self._uses = KeyUses(database, monotonic=monotonic)
        self._keys = ReadThroughCache(
            self._find,
            size=REMEMBERED_MAX,
            absent_size=UNKNOWN_REMEMBERED_MAX,
            ttl_seconds=REMEMBERED_SECONDS,
            monotonic=monotonic,
        )

    def start(self) -> None:
        """Begins to write, every minute, when keys were last used."""
        self._uses.start()

    async def stop(self) -> None:
        """Writes that a last time and ends."""
        await self._uses.stop()

    async def record_uses(self) -> None:
        """Writes at once when keys were last used. Raises `DatabaseUnavailable`."""
        await self._uses.write()

    async def authenticate(self, key: str) -> Principal | None:
        """Who has this key; None when nobody has, also when it is revoked or expired. Raises `DatabaseUnavailable`."""
        if len(key) > KEY_LENGTH_MAX:
            return None
        key_hash = hash_of(key)
        # Hashes are compared, so neither the time taken nor the length tells anything of the root key.
        if hmac.compare_digest(key_hash, self._root_hash):
            return Principal(CredentialKind.ROOT, SCOPES[CredentialKind.ROOT])
        if not is_well_formed(key):
            return None
        stored = await self._keys.get(key_hash)
        if stored is None or self._is_past(stored.usable_until_seconds):
            return None
        if stored.principal.key_id is not None:
            self._uses.note(stored.principal.key_id)
        return stored.principal

    async def create_api_key(
        self,
        principal: Principal,
        *,
        name: str,
        kind: ApiKeyKind = ApiKeyKind.SECRET,
        tenant_id: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> CreatedApiKey | NotFound | InvalidInput:
        """A key for the caller's own tenant, or for `tenant_id`, which the root key alone may name, and must."""
        if principal.kind is CredentialKind.ROOT:
            if tenant_id is None:
                return InvalidInput("tenantId", "the root key must say whose key it is to be")
        elif tenant_id is not None:
            return InvalidInput("tenantId", "only the root key may name a tenant")
        else:
            tenant_id = principal.tenant_id
        fault = fault_of_name("name", name)
        if fault is not None:
            return fault
        async with self._database.administration() as connection:
            now: datetime = await connection.fetchval(statement("read_clock"))
            if expires_at is not None and expires_at <= now:
                return InvalidInput("expiresAt", "must be in the future")
            tenant = await Tenant.get_or_none(id=tenant_id)
            if tenant is None:
                return NotFound("tenant")
            return await insert_api_key(tenant, kind=kind, name=name, now=now, expires_at=expires_at)

    async def revoke_api_key(self, principal: Principal, key_id: UUID) -> RevokedApiKey | NotFound:
        """Ends a key for good. Again: the same answer. Another tenant's key is not found, unless the root key asks."""
        async with self._database.administration() as connection:
            stored = await ApiKey.select_for_update().get_or_none(id=key_id)
            if stored is None or not _may_revoke(principal, stored):
                return NotFound("key")
            if stored.revoked_at is None:
                stored.revoked_at = await connection.fetchval(statement("read_clock"))
                await stored.save(update_fields=["revoked_at"])
        self._keys.forget_where(lambda kept: kept.principal.key_id == key_id)
        return RevokedApiKey(key_id, stored.revoked_at)

    async def _find(self, key_hash: bytes) -> _StoredKey | None:
        asked_at_seconds = self._monotonic()
        async with self._database.spanning_reader() as connection:
            row = await connection.fetchrow(statement("find_api_key"), key_hash)
        if row is None:
            return None
        kind = KIND_OF_KEY[ApiKeyKind(row["kind"])]
        principal = Principal(
            kind=kind,
            scopes=SCOPES[kind],
            tenant_id=row["tenant_id"],
            tenant_slug=row["slug"],
            tenant_name=row["name"],
            mode=TenantMode(row["mode"]),
            key_id=row["id"],
            expires_at=row["expires_at"],
        )
        seconds_left = row["seconds_left"]
        return _StoredKey(principal, None if seconds_left is None else asked_at_seconds + seconds_left)

    def _is_past(self, usable_until_seconds: float | None) -> bool:
        return usable_until_seconds is not None and self._monotonic() >= usable_until_seconds


async def insert_api_key(
    tenant: Tenant, *, kind: ApiKeyKind, name: str, now: datetime, expires_at: datetime | None = None
) -> CreatedApiKey:
    """Makes a key and writes its hash, within the caller's transaction."""
    key = new_secret_key(tenant.mode)
    stored = await ApiKey.create(
        id=uuid4(),
        tenant_id=tenant.id,
        kind=kind,
        name=name,
        hint=hint_of(key),
        secret_hash=hash_of(key),
        created_at=now,
        expires_at=expires_at,
    )
    return CreatedApiKey(stored.id, key)


def _may_revoke(principal: Principal, stored: ApiKey) -> bool:
    return principal.kind is CredentialKind.ROOT or stored.tenant_id == principal.tenant_id
