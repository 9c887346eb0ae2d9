"""Keys: who has one may act. They are shown once, kept as hashes, and end on every process within five seconds.

Client tokens are told apart here too; `client_tokens` makes and checks them.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from models.api_key import ApiKey, ApiKeyKind
from models.database import Database
from models.statements import statement
from models.tenant import Tenant, TenantMode
from rules.credentials import CredentialKind
from rules.identity import IdKind, public_id
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.change_log import change_of, record_change
from services.client_token import CLIENT_TOKEN_PREFIX
from services.client_tokens import ClientTokens
from services.database_clock import DatabaseClock
from services.key_uses import KeyUses
from services.names import fault_of_name
from services.principal import KIND_OF_KEY, OPERATOR, SCOPES, Principal
from services.read_through_cache import ReadThroughCache
from services.secret_key import KEY_LENGTH_MAX, hash_of, hint_of, is_well_formed, new_secret_key

REMEMBERED_SECONDS: Final = 3.0
"""How long a process trusts what it has read; below the five seconds in which a revocation must work everywhere."""

REMEMBERED_MAX: Final = 10_000
UNKNOWN_REMEMBERED_MAX: Final = 1_000
"""Hashes that no key has, so that a client that retries a wrong key costs one look-up in three seconds."""

OVERLAP_SECONDS_MAX: Final = 7 * 86_400
"""How long a rotated key may live on: longer is no rotation, but two keys."""


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
class RotatedApiKey:
    """The key that follows another, and when that one ends."""

    created: CreatedApiKey
    old_ends_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is listed. `hint` is its beginning; `tokens_last_used_at` is of client tokens made with it."""

    key_id: UUID
    kind: ApiKeyKind
    name: str
    hint: str
    account_id: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    tokens_last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def place(self) -> KeyPlace:
        """Where it stands in the list."""
        return KeyPlace(self.created_at, self.key_id)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A place in the list of keys, which is by creation."""

    created_at: datetime
    key_id: UUID


@dataclass(frozen=True, slots=True)
class _StoredKey:
    principal: Principal
    usable_until_seconds: float | None


class Credentials:
    """Tells who is asking; makes, lists, rotates and revokes keys. `start` and `stop` belong to the process's owner."""

    def __init__(self, database: Database, *, root_key: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._root_hash = hash_of(root_key)
        self._monotonic = monotonic
        self._uses = KeyUses(database, monotonic=monotonic)
        self._database_clock = DatabaseClock(monotonic)
        self.client_tokens = ClientTokens(database, monotonic=monotonic, database_clock=self._database_clock)
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
            return OPERATOR
        if key.startswith(CLIENT_TOKEN_PREFIX):
            return await self._authenticate_token(key)
        if not is_well_formed(key):
            return None
        return self._used(await self._keys.get(key_hash))

    async def authenticate_many(self, keys: Sequence[str]) -> list[Principal | None]:
        """Who has each of these keys, as `authenticate` says it, but by what the database says now.

        In few statements however many they are; for keys that were let in once. Raises `DatabaseUnavailable`.
        """
        found: dict[str, Principal | None] = dict.fromkeys(keys)
        tokens: list[str] = []
        hashes: dict[str, bytes] = {}
        for key in found:
            if len(key) > KEY_LENGTH_MAX:
                continue
            if key.startswith(CLIENT_TOKEN_PREFIX):
                tokens.append(key)
                continue
            key_hash = hash_of(key)
            if hmac.compare_digest(key_hash, self._root_hash):
                found[key] = OPERATOR
            elif is_well_formed(key):
                hashes[key] = key_hash
        if hashes:
            stored = await self._read(hashes.values())
            found.update((key, self._used(stored.get(key_hash))) for key, key_hash in hashes.items())
        if tokens:
            of_tokens = await self.client_tokens.authenticate_many(tokens)
            found.update(zip(tokens, of_tokens, strict=True))
            for key_id in {principal.key_id for principal in of_tokens if principal is not None}:
                if key_id is not None:
                    self._uses.note(key_id, by_token=True)
        return [found[key] for key in keys]

    def is_past(self, instant: datetime) -> bool:
        """Whether it has come by the database's clock, as far as that is known without asking."""
        return self._database_clock.is_past(instant)

    async def create_api_key(
        self,
        principal: Principal,
        *,
        name: str,
        kind: ApiKeyKind = ApiKeyKind.SECRET,
        tenant_id: UUID | None = None,
        account_id: UUID | None = None,
        expires_at: datetime | None = None,
    ) -> CreatedApiKey | NotFound | InvalidInput:
        """A key for the caller's own tenant, or for `tenant_id`, which the root key alone may name, and must.

        `account_id` binds a PARTNER key to one account of that tenant.
        """
        whose = _tenant_meant(principal, tenant_id)
        if isinstance(whose, InvalidInput):
            return whose
        async with self._database.administration() as connection:
            now: datetime = await connection.fetchval(statement("read_clock"))
            tenant = await Tenant.get_or_none(id=whose)
            if tenant is None:
                return NotFound("tenant")
            if (
                account_id is not None
                and await connection.fetchval(statement("find_account"), account_id, tenant.id) is None
            ):
                return NotFound("account")
            if account_id is not None and kind is not ApiKeyKind.PARTNER:
                return InvalidInput("accountId", "only a PARTNER key is bound to an account; leave it out")
            fault = fault_of_name("name", name) or _fault_of_end(expires_at, now)
            if fault is not None:
                return fault
            created = await insert_api_key(
                tenant, kind=kind, name=name, now=now, account_id=account_id, expires_at=expires_at
            )
            detail = {"name": name, "kind": kind.value, "expiresAt": _text_of(expires_at)}
            change = change_of(principal, "createApiKey", public_id(IdKind.API_KEY, created.key_id), detail)
            await record_change(connection, tenant.id, change, account_id)
            return created

    async def rotate_api_key(
        self, principal: Principal, key_id: UUID, *, overlap_seconds: int, expires_at: datetime | None = None
    ) -> RotatedApiKey | NotFound | InvalidInput:
        """A new key of the same tenant, kind, name and account; the old one ends after the overlap, or when it would.

        The new one ends when the old one would have, unless `expires_at` says otherwise.
        """
        async with self._database.administration() as connection:
            old = await ApiKey.select_for_update().get_or_none(id=key_id)
            if old is None or not _may_end(principal, old):
                return NotFound("key")
            now: datetime = await connection.fetchval(statement("read_clock"))
            if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
                return InvalidInput("id", "this key has ended; make a new one")
            if not 0 <= overlap_seconds <= OVERLAP_SECONDS_MAX:
                message = f"must be between 0 and {OVERLAP_SECONDS_MAX}, not {overlap_seconds}"
                return InvalidInput("overlapSeconds", message)
            fault = _fault_of_end(expires_at, now)
            if fault is not None:
                return fault
            tenant = await Tenant.get(id=old.tenant_id)
            created = await insert_api_key(
                tenant,
                kind=old.kind,
                name=old.name,
                now=now,
                account_id=old.account_id,
                expires_at=expires_at or old.expires_at,
            )
            ends_at = now + timedelta(seconds=overlap_seconds)
            old.expires_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
            await old.save(update_fields=["expires_at"])
            detail = {"key": public_id(IdKind.API_KEY, created.key_id), "oldEndsAt": _text_of(old.expires_at)}
            change = change_of(principal, "rotateApiKey", public_id(IdKind.API_KEY, key_id), detail)
            await record_change(connection, tenant.id, change, old.account_id)
        self._forget(key_id)
        return RotatedApiKey(created, old.expires_at)

    async def list_keys(
        self, principal: Principal, tenant_id: UUID | None, part: Slice[KeyPlace]
    ) -> Page[KeyRecord] | InvalidInput:
        """A tenant's keys, newest first; whose is told as for `create_api_key`. Of a tenant that is not there: none."""
        whose = _tenant_meant(principal, tenant_id)
        if isinstance(whose, InvalidInput):
            return whose
        after = (None, None) if part.after is None else (part.after.created_at, part.after.key_id)
        async with self._database.reader(whose) as connection:
            rows = await connection.fetch(statement("list_api_keys"), whose, *after, part.first + 1)
        records = [KeyRecord(**{**row, "kind": ApiKeyKind(row["kind"])}) for row in rows[: part.first]]
        return Page(tuple(records), len(rows) > part.first)

    async def count_keys(self, principal: Principal, tenant_id: UUID | None) -> int:
        """How many `list_keys` lists in all."""
        whose = _tenant_meant(principal, tenant_id)
        if isinstance(whose, InvalidInput):
            return 0
        async with self._database.reader(whose) as connection:
            return int(await connection.fetchval(statement("count_api_keys"), whose))

    async def revoke_api_key(self, principal: Principal, key_id: UUID) -> RevokedApiKey | NotFound:
        """Ends a key for good. Again: the same answer. Another tenant's key is not found, unless the root key asks."""
        async with self._database.administration() as connection:
            stored = await ApiKey.select_for_update().get_or_none(id=key_id)
            if stored is None or not _may_end(principal, stored):
                return NotFound("key")
            if stored.revoked_at is None:
                stored.revoked_at = await connection.fetchval(statement("read_clock"))
                await stored.save(update_fields=["revoked_at"])
                change = change_of(principal, "revokeApiKey", public_id(IdKind.API_KEY, key_id), {"name": stored.name})
                await record_change(connection, stored.tenant_id, change, stored.account_id)
        self._forget(key_id)
        return RevokedApiKey(key_id, stored.revoked_at)

    async def _authenticate_token(self, token: str) -> Principal | None:
        principal = await self.client_tokens.authenticate(token)
        if principal is not None and principal.key_id is not None:
            self._uses.note(principal.key_id, by_token=True)
        return principal

    def _forget(self, key_id: UUID) -> None:
        self._keys.forget_where(lambda kept: kept.principal.key_id == key_id)
        self.client_tokens.forget_key(key_id)

    def _used(self, stored: _StoredKey | None) -> Principal | None:
        """Whose it is, if it is still usable; then that is noted."""
        if stored is None or self._is_past(stored.usable_until_seconds):
            return None
        if stored.principal.key_id is not None:
            self._uses.note(stored.principal.key_id)
        return stored.principal

    async def _find(self, key_hash: bytes) -> _StoredKey | None:
        return (await self._read((key_hash,))).get(key_hash)

    async def _read(self, key_hashes: Iterable[bytes]) -> dict[bytes, _StoredKey]:
        asked_at_seconds = self._monotonic()
        async with self._database.spanning_reader() as connection:
            rows = await connection.fetch(statement("find_api_keys"), list(key_hashes))
        if rows:
            self._database_clock.note(rows[-1]["now"])
        return {row["secret_hash"]: _stored_key(row, asked_at_seconds) for row in rows}

    def _is_past(self, usable_until_seconds: float | None) -> bool:
        return usable_until_seconds is not None and self._monotonic() >= usable_until_seconds


async def insert_api_key(
    tenant: Tenant,
    *,
    kind: ApiKeyKind,
    name: str,
    now: datetime,
    account_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> CreatedApiKey:
    """Makes a key and writes its hash, within the caller's transaction."""
    key = new_secret_key(tenant.mode, kind)
    stored = await ApiKey.create(
        id=uuid4(),
        tenant_id=tenant.id,
        kind=kind,
        name=name,
        hint=hint_of(key),
        secret_hash=hash_of(key),
        account_id=account_id,
        created_at=now,
        expires_at=expires_at,
    )
    return CreatedApiKey(stored.id, key)


def _stored_key(row: asyncpg.Record, asked_at_seconds: float) -> _StoredKey:
    kind = KIND_OF_KEY[ApiKeyKind(row["kind"])]
    principal = Principal(
        kind=kind,
        scopes=SCOPES[kind],
        tenant_id=row["tenant_id"],
        tenant_slug=row["slug"],
        tenant_name=row["name"],
        mode=TenantMode(row["mode"]),
        account_id=row["account_id"],
        key_id=row["id"],
        expires_at=row["expires_at"],
    )
    seconds_left = row["seconds_left"]
    return _StoredKey(principal, None if seconds_left is None else asked_at_seconds + seconds_left)


def _may_end(principal: Principal, stored: ApiKey) -> bool:
    return principal.kind is CredentialKind.ROOT or stored.tenant_id == principal.tenant_id


def _tenant_meant(principal: Principal, tenant_id: UUID | None) -> UUID | InvalidInput:
    """The caller's own tenant, or the one that the root key names."""
    if principal.tenant_id is None:
        return tenant_id or InvalidInput("tenantId", "the root key must say whose key it is to be")
    if tenant_id is not None:
        return InvalidInput("tenantId", "only the root key may name a tenant")
    return principal.tenant_id


def _fault_of_end(expires_at: datetime | None, now: datetime) -> InvalidInput | None:
    if expires_at is None or expires_at > now:
        return None
    return InvalidInput("expiresAt", "must be in the future")


def _text_of(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
