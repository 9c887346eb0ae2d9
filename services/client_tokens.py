"""Client tokens: short-lived credentials for a browser, of one account. Only what ends them early is kept, not they.

A token ends at its time, with the key that it was made with, when tokens of its account or member are revoked, and when
its member is removed: for good, though the member be taken in again. By the database's clock alone: a server's own may
be wrong, and a tenant's test clock is none of a credential's concern.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from models.tenant import TenantMode
from rules.credentials import CLIENT_TTL_SECONDS_DEFAULT, CLIENT_TTL_SECONDS_MAX, CredentialKind
from rules.identity import IdKind, public_id
from rules.ledger.kinds import MemberRole
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.change_log import change_of, record_change
from services.client_token import ClientToken, UnverifiedToken, new_signing_secret, read_token, signed_token
from services.database_clock import DatabaseClock
from services.principal import CLIENT_SCOPES, Principal, lesser_role
from services.read_through_cache import ReadThroughCache

REMEMBERED_SECONDS: Final = 3.0
"""As for keys: below the five seconds in which a revocation must work everywhere."""

ISSUERS_REMEMBERED_MAX: Final = 10_000
HOLDERS_REMEMBERED_MAX: Final = 50_000
UNKNOWN_REMEMBERED_MAX: Final = 1_000

TOKENS_IN_A_ROW: Final = 50
"""Of many tokens that are read or judged, before others get a turn: less than a millisecond."""


@dataclass(frozen=True, slots=True)
class CreatedClientToken:
    """A new token, which is shown this once, and its end."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Issuer:
    """A usable key that tokens were made with, and what they are signed with."""

    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    mode: TenantMode
    secret: bytes | None = field(repr=False)
    expires_at: datetime | None
    usable_until_seconds: float | None


@dataclass(frozen=True, slots=True)
class _HolderName:
    tenant_id: UUID
    account_id: UUID
    member_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Holder:
    """The account and member that a token may be of. `now` is the database's time when it was asked for."""

    account_id: UUID
    now: datetime
    asked_at_seconds: float
    revoked_at: datetime | None
    member_role: MemberRole | None


class ClientTokens:
    """Makes, checks and revokes client tokens."""

    def __init__(
        self,
        database: Database,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        database_clock: DatabaseClock | None = None,
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._database_clock = database_clock or DatabaseClock(monotonic)
        self._issuers = ReadThroughCache(
            self._find_issuer,
            size=ISSUERS_REMEMBERED_MAX,
            absent_size=UNKNOWN_REMEMBERED_MAX,
            ttl_seconds=REMEMBERED_SECONDS,
            monotonic=monotonic,
        )
        self._holders = ReadThroughCache(
            self._find_holder,
            size=HOLDERS_REMEMBERED_MAX,
            absent_size=UNKNOWN_REMEMBERED_MAX,
            ttl_seconds=REMEMBERED_SECONDS,
            monotonic=monotonic,
        )

    async def authenticate(self, text: str) -> Principal | None:
        """Who has this token; None when it is none of this server's or has ended. Raises `DatabaseUnavailable`."""
        token = read_token(text)
        if token is None:
            return None
        claims = token.claims
        issuer = await self._issuers.get(claims.key_id)
        # Before anything that it says is looked up: a forged token must not cost more than its key's row.
        if issuer is None or not self._is_genuine(token, issuer):
            return None
        name = _holder_name(claims)
        holder = await self._holders.get(name)
        if holder is not None and holder.now < claims.issued_at:
            # What is remembered is older than the token, which may be of a member that has come back since.
            self._holders.forget(name)
            holder = await self._holders.get(name)
        return None if holder is None else self._principal_of(claims, issuer, holder)

    async def authenticate_many(self, texts: Sequence[str]) -> list[Principal | None]:
        """Who has each of these tokens, by what the database says now, in two statements however many they are.

        For tokens that were let in once: a forged one costs as much as a genuine one here. Raises
        `DatabaseUnavailable`.
        """
        tokens: list[UnverifiedToken | None] = []
        for number, text in enumerate(texts, start=1):
            tokens.append(read_token(text))
            if number % TOKENS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        claimed = [token.claims for token in tokens if token is not None]
        if not claimed:
            return [None] * len(tokens)
        async with self._database.spanning_reader() as connection:
            issuers = await self._read_issuers(connection, {claims.key_id for claims in claimed})
            holders = await self._read_holders(connection, {_holder_name(claims) for claims in claimed})
        principals: list[Principal | None] = []
        for number, token in enumerate(tokens, start=1):
            issuer = None if token is None else issuers.get(token.claims.key_id)
            holder = None if token is None else holders.get(_holder_name(token.claims))
            if token is None or issuer is None or holder is None or not self._is_genuine(token, issuer):
                principals.append(None)
            else:
                principals.append(self._principal_of(token.claims, issuer, holder))
            if number % TOKENS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return principals

    def _is_genuine(self, token: UnverifiedToken, issuer: _Issuer) -> bool:
        if issuer.secret is None or self._is_past(issuer.usable_until_seconds):
            return False
        return token.is_signed_with(issuer.secret) and token.claims.tenant_id == issuer.tenant_id

    def _principal_of(self, claims: ClientToken, issuer: _Issuer, holder: _Holder) -> Principal | None:
        if holder.revoked_at is not None and claims.issued_at <= holder.revoked_at:
            return None
        role = claims.role
        if claims.member_id is not None:
            if holder.member_role is None:
                return None
            role = lesser_role(role, holder.member_role)
        now = holder.now + timedelta(seconds=self._monotonic() - holder.asked_at_seconds)
        if now >= claims.expires_at:
            return None
        return Principal(
            kind=CredentialKind.CLIENT,
            scopes=CLIENT_SCOPES[role],
            tenant_id=issuer.tenant_id,
            tenant_slug=issuer.tenant_slug,
            tenant_name=issuer.tenant_name,
            mode=issuer.mode,
            account_id=claims.account_id,
            member_id=claims.member_id,
            role=role,
            key_id=claims.key_id,
            expires_at=claims.expires_at,
        )

    async def create(
        self,
        principal: Principal,
        account_id: UUID,
        *,
        member_id: UUID | None = None,
        role: MemberRole = MemberRole.MEMBER,
        ttl_seconds: int = CLIENT_TTL_SECONDS_DEFAULT,
    ) -> CreatedClientToken | NotFound | InvalidInput:
        """A token for an account of the caller's tenant, or for one member of it.

        It ends with the caller's key at the latest. A member's is good while the member is there, and for no more than
        the member may do.
        """
        tenant_id, key_id = _of_tenant(principal)
        async with self._database.administration() as connection:
            if member_id is not None:
                # No removal of the member may come between its token's time and this transaction's end.
                await connection.execute(statement("lock_member"), account_id, member_id)
            holder = await connection.fetchrow(statement("find_token_holders"), [tenant_id], [account_id], [member_id])
            if holder is None:
                return NotFound("account")
            if member_id is not None and holder["member_role"] is None:
                return NotFound("member")
            if not 1 <= ttl_seconds <= CLIENT_TTL_SECONDS_MAX:
                return InvalidInput("ttlSeconds", f"must be between 1 and {CLIENT_TTL_SECONDS_MAX}, not {ttl_seconds}")
            issuer = await self._signing_issuer(connection, key_id)
            if issuer is None:
                # Remembered here, and meanwhile ended.
                return NotFound("key")
            issued_at: datetime = holder["now"]
            expires_at = issued_at + timedelta(seconds=ttl_seconds)
            if issuer["expires_at"] is not None:
                expires_at = min(expires_at, issuer["expires_at"])
            token = ClientToken(key_id, tenant_id, account_id, member_id, role, issued_at, expires_at)
            detail = {"role": role.value, "expiresAt": expires_at.isoformat()}
            change = change_of(principal, "createClientToken", _subject(account_id, member_id), detail)
            await record_change(connection, tenant_id, change, account_id)
        # Who asked a moment ago, before there was a secret, must not make the first token wait.
        self._issuers.forget_where(lambda kept: kept.tenant_id == tenant_id and kept.secret is None)
        return CreatedClientToken(signed_token(token, TenantMode(issuer["mode"]), issuer["secret"]), expires_at)

    async def revoke(self, principal: Principal, account_id: UUID, *, member_id: UUID | None = None) -> NotFound | None:
        """Ends every token of the account, or of one member, that was issued until now.

        On every process within five seconds.
        """
        tenant_id, _ = _of_tenant(principal)
        async with self._database.administration() as connection:
            if await connection.fetchval(statement("find_account"), account_id, tenant_id) is None:
                return NotFound("account")
            if (
                member_id is not None
                and await connection.fetchval(statement("find_member"), account_id, member_id) is None
            ):
                return NotFound("member")
            await connection.execute(statement("revoke_client_tokens"), tenant_id, account_id, member_id)
            subject = _subject(account_id, member_id)
            await record_change(connection, tenant_id, change_of(principal, "revokeClientTokens", subject), account_id)
        self._holders.forget_where(lambda kept: kept.account_id == account_id)
        return None

    def forget_key(self, key_id: UUID) -> None:
        """The key has ended: this process asks for it anew."""
        self._issuers.forget(key_id)

    async def _signing_issuer(self, connection: asyncpg.Connection, key_id: UUID) -> asyncpg.Record | None:
        row = await connection.fetchrow(statement("find_token_issuers"), [key_id])
        if row is not None and row["secret"] is None:
            await connection.execute(statement("insert_signing_secret"), row["tenant_id"], new_signing_secret())
            row = await connection.fetchrow(statement("find_token_issuers"), [key_id])
        return row

    async def _find_issuer(self, key_id: UUID) -> _Issuer | None:
        async with self._database.spanning_reader() as connection:
            return (await self._read_issuers(connection, (key_id,))).get(key_id)

    async def _find_holder(self, name: _HolderName) -> _Holder | None:
        async with self._database.spanning_reader() as connection:
            return (await self._read_holders(connection, (name,))).get(name)

    async def _read_issuers(self, connection: asyncpg.Connection, key_ids: Iterable[UUID]) -> dict[UUID, _Issuer]:
        asked_at_seconds = self._monotonic()
        rows = await connection.fetch(statement("find_token_issuers"), list(key_ids))
        return {
            row["id"]: _Issuer(
                tenant_id=row["tenant_id"],
                tenant_slug=row["slug"],
                tenant_name=row["name"],
                mode=TenantMode(row["mode"]),
                secret=row["secret"],
                expires_at=row["expires_at"],
                usable_until_seconds=None if row["seconds_left"] is None else asked_at_seconds + row["seconds_left"],
            )
            for row in rows
        }

    async def _read_holders(
        self, connection: asyncpg.Connection, names: Iterable[_HolderName]
    ) -> dict[_HolderName, _Holder]:
        asked = list(names)
        asked_at_seconds = self._monotonic()
        rows = await connection.fetch(
            statement("find_token_holders"),
            [name.tenant_id for name in asked],
            [name.account_id for name in asked],
            [name.member_id for name in asked],
        )
        if rows:
            self._database_clock.note(rows[-1]["now"])
        return {
            (name := asked[row["place"] - 1]): _Holder(
                name.account_id,
                row["now"],
                asked_at_seconds,
                row["revoked_at"],
                None if row["member_role"] is None else MemberRole(row["member_role"]),
            )
            for row in rows
        }

    def _is_past(self, usable_until_seconds: float | None) -> bool:
        return usable_until_seconds is not None and self._monotonic() >= usable_until_seconds


def _holder_name(claims: ClientToken) -> _HolderName:
    return _HolderName(claims.tenant_id, claims.account_id, claims.member_id)


def _subject(account_id: UUID, member_id: UUID | None) -> str:
    if member_id is None:
        return public_id(IdKind.ACCOUNT, account_id)
    return public_id(IdKind.MEMBER, account_id, part=member_id)


def _of_tenant(principal: Principal) -> tuple[UUID, UUID]:
    if principal.tenant_id is None or principal.key_id is None:
        raise ValueError("client tokens are made and revoked with a key of a tenant")
    return principal.tenant_id, principal.key_id
