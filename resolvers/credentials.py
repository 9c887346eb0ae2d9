"""Keys and client tokens: made, listed, rotated, revoked."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from uuid import UUID

import strawberry

from resolvers.context import Info
from resolvers.errors import ErrorCode, coded
from resolvers.scope import ScopedAccount, account_in_scope, named_member, parsed, principal_of, principal_with
from rules.credentials import CLIENT_TTL_SECONDS_DEFAULT
from rules.identity import IdKind
from rules.ledger.kinds import MemberRole
from rules.ledger.records import Slice
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from schema.accounts import shown_account
from schema.connections import FIRST_DEFAULT, Connection, Listing, bad_cursor, connection, slice_of_names
from schema.credentials import ApiKey, shown_key
from schema.described import output
from schema.inputs import (
    CreateApiKeyInput,
    CreateClientTokenInput,
    RevokeApiKeyInput,
    RevokeClientTokensInput,
    RotateApiKeyInput,
)
from schema.nodes import shown_id
from schema.refusals import problem_of
from schema.results import (
    AccountResult,
    AccountSuccess,
    CreateApiKeyResult,
    CreateApiKeySuccess,
    CreateClientTokenResult,
    CreateClientTokenSuccess,
    RevokeApiKeyResult,
    RevokeApiKeySuccess,
    RotateApiKeyResult,
    RotateApiKeySuccess,
)
from services.credentials import KeyPlace, KeyRecord
from services.principal import Scope


@output
class CredentialQueries:
    """Reads of keys."""

    @strawberry.field
    async def api_keys(
        self,
        info: Info,
        first: int | None = FIRST_DEFAULT,
        after: str | None = None,
        tenant_id: strawberry.ID | None = None,
    ) -> Connection[ApiKey] | None:
        """The tenant's keys, newest first, ended ones included. Needs a secret key, or the root key.

        first: how many, 1 to 100
        after: the cursor that the page follows
        tenant_id: whose keys: for the root key alone, which must give it
        """
        principal = principal_with(info, Scope.KEYS)
        tenant = _tenant(tenant_id)
        if isinstance(tenant, NotFound):
            raise coded(ErrorCode.BAD_USER_INPUT, "`tenantId` is not the id of a tenant.")
        named = slice_of_names(Listing.API_KEYS, first, after)
        part = Slice(named.first, None if named.after is None else _place(named.after))
        keys = info.context.services.api_keys
        page = await keys.list_keys(principal, tenant, part)
        if isinstance(page, InvalidInput):
            raise coded(ErrorCode.BAD_USER_INPUT, f"`{page.field}`: {page.message}.")

        def count() -> Awaitable[int]:
            return keys.count_keys(principal, tenant)

        return connection(Listing.API_KEYS, page, shown_key, _cursor_of, count, follows=after is not None)


@output
class CredentialMutations:
    """The verbs on keys and client tokens."""

    @strawberry.mutation
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult | None:
        """Makes a key of the tenant, or of one account. The root key says whose.

        input: the key
        """
        principal = principal_with(info, Scope.KEYS)
        tenant_id = _tenant(input.tenant_id)
        if isinstance(tenant_id, NotFound):
            return problem_of(tenant_id)
        account = None if input.account_id is None else parsed(input.account_id, IdKind.ACCOUNT)
        if input.account_id is not None and account is None:
            return problem_of(NotFound("account"))
        created = await info.context.services.api_keys.create_api_key(
            principal,
            name=input.name,
            kind=input.kind,
            tenant_id=tenant_id,
            account_id=None if account is None else account.owner,
            expires_at=input.expires_at,
        )
        if isinstance(created, NotFound | InvalidInput):
            return problem_of(created)
        return CreateApiKeySuccess(id=shown_id(IdKind.API_KEY, created.key_id), key=created.key)

    @strawberry.mutation
    async def rotate_api_key(self, info: Info, input: RotateApiKeyInput) -> RotateApiKeyResult | None:
        """Makes a new key of the same kind, name and account; the old one ends after the overlap, by the real clock.

        input: which key, and for how long both are to work
        """
        principal = principal_with(info, Scope.KEYS)
        named = parsed(input.id, IdKind.API_KEY)
        if named is None:
            return problem_of(NotFound("key"))
        rotated = await info.context.services.api_keys.rotate_api_key(
            principal, named.owner, overlap_seconds=input.overlap_seconds, expires_at=input.expires_at
        )
        if isinstance(rotated, NotFound | InvalidInput):
            return problem_of(rotated)
        created = rotated.created
        return RotateApiKeySuccess(
            id=shown_id(IdKind.API_KEY, created.key_id), key=created.key, old_key_ends_at=rotated.old_ends_at
        )

    @strawberry.mutation
    async def revoke_api_key(self, info: Info, input: RevokeApiKeyInput) -> RevokeApiKeyResult | None:
        """Ends a key, and the client tokens made with it, for good, on every process within 5 seconds.

        Again: the same answer.

        input: which key
        """
        principal = principal_with(info, Scope.KEYS)
        named = parsed(input.id, IdKind.API_KEY)
        if named is None:
            return problem_of(NotFound("key"))
        revoked = await info.context.services.api_keys.revoke_api_key(principal, named.owner)
        if isinstance(revoked, NotFound):
            return problem_of(revoked)
        return RevokeApiKeySuccess(id=shown_id(IdKind.API_KEY, revoked.key_id), revoked_at=revoked.revoked_at)

    @strawberry.mutation
    async def create_client_token(self, info: Info, input: CreateClientTokenInput) -> CreateClientTokenResult | None:
        """A short-lived token of one account, or one member of it, for a browser.

        It ends with the key that it is made with at the latest.

        input: whose it is, what it may do, and for how long
        """
        account = account_in_scope(info, Scope.MANAGE, input.account_id, input.account_external_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        member_id = named_member(info, account.account_id, input.member_id, input.member_external_id)
        if isinstance(member_id, NotFound | InvalidInput):
            if await info.context.services.accounts.get(account.tenant_id, account.account_id) is None:
                return problem_of(NotFound("account"))
            return problem_of(member_id)
        created = await info.context.services.client_tokens.create(
            principal_of(info),
            account.account_id,
            member_id=member_id,
            role=input.role or MemberRole.MEMBER,
            ttl_seconds=CLIENT_TTL_SECONDS_DEFAULT if input.ttl_seconds is None else input.ttl_seconds,
        )
        if isinstance(created, NotFound | InvalidInput):
            return problem_of(created)
        return CreateClientTokenSuccess(token=created.token, expires_at=created.expires_at)

    @strawberry.mutation
    async def revoke_client_tokens(self, info: Info, input: RevokeClientTokensInput) -> AccountResult | None:
        """Ends every client token of an account, or of one member, that was made until now.

        On every process within 5 seconds.

        input: whose
        """
        account = account_in_scope(info, Scope.MANAGE, input.account_id)
        if not isinstance(account, ScopedAccount):
            return problem_of(account)
        member_id = named_member(info, account.account_id, input.member_id, None)
        refusal: NotFound | None = None
        if isinstance(member_id, NotFound | InvalidInput):
            refusal = NotFound("member")
        else:
            refusal = await info.context.services.client_tokens.revoke(
                principal_of(info), account.account_id, member_id=member_id
            )
        record = await info.context.services.accounts.get(account.tenant_id, account.account_id)
        if record is None:
            return problem_of(NotFound("account"))
        if refusal is not None:
            return problem_of(refusal)
        return AccountSuccess(account=shown_account(account.tenant_id, record))


def _tenant(id: str | None) -> UUID | NotFound | None:
    if id is None:
        return None
    named = parsed(id, IdKind.TENANT)
    return NotFound("tenant") if named is None else named.owner


def _cursor_of(record: KeyRecord) -> str:
    return f"{record.place.created_at.isoformat()} {record.place.key_id}"


def _place(cursor: str) -> KeyPlace:
    """The place that a cursor names. Raises a coded error for a cursor that no page gave."""
    created_at, _, key_id = cursor.partition(" ")
    try:
        place = KeyPlace(datetime.fromisoformat(created_at), UUID(key_id))
    except ValueError:
        raise bad_cursor() from None
    if f"{place.created_at.isoformat()} {place.key_id}" != cursor or place.created_at.utcoffset() != timedelta(0):
        raise bad_cursor()
    return place
