"""Scope: what the credential of a request may do, and which account it means. Decided here and nowhere else.

A new field is guarded by one call, its first line:

- it concerns one account: `account_in_scope(info, Scope.…, input.account_id, input.account_external_id)`;
- it concerns a row of an account that is named by its own id: `row_in_scope(info, Scope.…, id, IdKind.…)`;
- it concerns a member that is named by its own id: `member_in_scope(info, Scope.…, id)`; a member that is named beside
  its account: `named_member(info, account_id, …)`; rows that may be other members': `members_seen(info)`;
- it may concern an account or none: `tenant_shown_to(info, Scope.…)`, then `named_account(info, …)`;
- it is the same for everybody of the tenant, such as its price list: `tenant_shown_to(info, Scope.…)`;
- it concerns the whole tenant: `tenant_with(info, Scope.…)`, which refuses credentials of one account.

The tenant is always the credential's own. An id in the input may narrow the scope, never widen it: an id of another
tenant, or of another account than the credential's own, leads to the same answer as one that never was. A credential
of one account that names none means its own, and a member's token itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from models.account import EXTERNAL_ID_LENGTH_MAX
from resolvers.context import Asking
from resolvers.errors import ErrorCode, coded
from rules.identity import IdKind, PublicId, account_id_of, member_id_of, parse_public_id
from rules.ledger.records import MembersSeen
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.principal import Principal, Scope

_KEY_NEEDED = {
    Scope.READ: "a key of the tenant, or a client token",
    Scope.QUOTE: "a secret key of the tenant, or a client token",
    Scope.SPEND: "a secret key of the tenant",
    Scope.BUY: "a secret key of the tenant, or a client token of the role ADMIN or MEMBER",
    Scope.ADMINISTER: "a secret key of the tenant, or a client token of the role ADMIN",
    Scope.MANAGE: "a secret key of the tenant",
    Scope.KEYS: "a secret key of the tenant, or the root key",
    Scope.TENANTS: "the root key",
}

NO_ACCOUNT_NAMED: Final = InvalidInput("accountId", "give the account's id, or its externalId")
"""What a credential of a whole tenant is told that names no account where there must be one."""


@dataclass(frozen=True, slots=True)
class ScopedAccount:
    """An account that the credential may ask about, whether there is one or not, and the tenant to ask in."""

    tenant_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class ScopedRow:
    """A row of an account that the credential may ask about, whether there is one or not."""

    tenant_id: UUID
    account_id: UUID
    local: int


@dataclass(frozen=True, slots=True)
class ScopedMember:
    """A member that the credential may ask about, whether there is one or not."""

    tenant_id: UUID
    account_id: UUID
    member_id: UUID


def principal_of(info: Asking) -> Principal:
    """Who asks. Raises UNAUTHENTICATED without a credential."""
    principal = info.context.principal
    if principal is None:
        raise coded(
            ErrorCode.UNAUTHENTICATED,
            "This needs a key: send the header `Authorization: Bearer <key>`, "
            "or over a websocket `authorization` in the payload of `connection_init`.",
        )
    return principal


def principal_with(info: Asking, scope: Scope) -> Principal:
    """Who asks, if the credential includes the scope. Raises UNAUTHENTICATED or FORBIDDEN."""
    principal = principal_of(info)
    if not principal.may(scope):
        raise coded(ErrorCode.FORBIDDEN, f"This needs {_KEY_NEEDED[scope]}.")
    return principal


def tenant_shown_to(info: Asking, scope: Scope) -> UUID:
    """The credential's tenant, for what is the same for all of it. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = principal_with(info, scope).tenant_id
    if tenant_id is None:
        raise coded(ErrorCode.FORBIDDEN, f"This needs {_KEY_NEEDED[scope]}; the root key has no tenant.")
    return tenant_id


def tenant_with(info: Asking, scope: Scope) -> UUID:
    """The credential's tenant, if it is for all of it and includes the scope. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(info, scope)
    if principal_of(info).account_id is not None:
        raise coded(ErrorCode.FORBIDDEN, "This needs a key of the whole tenant; this credential is for one account.")
    return tenant_id


def account_in_scope(
    info: Asking, scope: Scope, account_id: str | None, external_id: str | None = None
) -> ScopedAccount | NotFound | InvalidInput:
    """The account that is named by one of two names, else the credential's own. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(info, scope)
    account = named_account(info, account_id, external_id)
    match account:
        case UUID():
            return ScopedAccount(tenant_id, account)
        case None:
            return NO_ACCOUNT_NAMED
        case _:
            return account


def account_to_read(info: Asking, account_id: str | None, external_id: str | None) -> ScopedAccount | None:
    """The account that a read is about; None where there is no such one.

    Raises UNAUTHENTICATED or FORBIDDEN, and BAD_USER_INPUT where none is named and the credential has none.
    """
    account = account_in_scope(info, Scope.READ, account_id, external_id)
    if isinstance(account, InvalidInput):
        raise coded(ErrorCode.BAD_USER_INPUT, "Give `accountId` or `accountExternalId`, one of them.")
    return None if isinstance(account, NotFound) else account


def row_in_scope(info: Asking, scope: Scope, text: str, kind: IdKind) -> ScopedRow | NotFound:
    """The row that a public id of this kind names. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(info, scope)
    named = parsed(text, kind)
    if named is None or named.local is None or not _is_within(principal_of(info), named.owner):
        return NotFound(kind.name.lower())
    return ScopedRow(tenant_id, named.owner, named.local)


def member_in_scope(info: Asking, scope: Scope, text: str) -> ScopedMember | NotFound:
    """The member that a public id names. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = tenant_shown_to(info, scope)
    named = parsed(text, IdKind.MEMBER)
    if (
        named is None
        or named.part is None
        or not _is_within(principal_of(info), named.owner)
        or not members_seen(info).include(named.part)
    ):
        return NotFound("member")
    return ScopedMember(tenant_id, named.owner, named.part)


def members_seen(info: Asking) -> MembersSeen:
    """Whose rows of an account the credential sees. Raises UNAUTHENTICATED."""
    return principal_of(info).members_seen


def named_member(
    info: Asking, account_id: UUID, member_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput | None:
    """The member of the account that an input names, else the credential's own; None where there is neither."""
    if member_id is not None and external_id is not None:
        return InvalidInput("memberId", "give the member's id or its externalId, not both")
    if member_id is not None:
        member = member_in_account(account_id, member_id)
    elif external_id is not None:
        member = _member_of(account_id, external_id)
    else:
        return principal_of(info).member_id
    return NotFound("member") if member is None or not members_seen(info).include(member) else member


def member_in_account(account_id: UUID, member_id: str) -> UUID | None:
    """The member of this account that a public id names; None for anything else."""
    named = parsed(member_id, IdKind.MEMBER)
    return named.part if named is not None and named.owner == account_id else None


def named_account(
    info: Asking, account_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput | None:
    """The account that an input names, else the credential's own; None where there is neither."""
    principal = principal_of(info)
    if account_id is not None and external_id is not None:
        return InvalidInput("accountId", "give the account's id or its externalId, not both")
    if account_id is not None:
        named = parsed(account_id, IdKind.ACCOUNT)
        account = None if named is None else named.owner
    elif external_id is not None:
        account = _account_of(principal, external_id)
    else:
        return principal.account_id
    return NotFound("account") if account is None or not _is_within(principal, account) else account


def parsed(text: str, kind: IdKind) -> PublicId | None:
    """A public id of this kind; None for anything else."""
    named = parse_public_id(text)
    return named if named is not None and named.kind is kind else None


def _is_within(principal: Principal, account_id: UUID) -> bool:
    return principal.account_id is None or principal.account_id == account_id


def _member_of(account_id: UUID, external_id: str) -> UUID | None:
    """The id of the member that has this external id, if there is one; what cannot be an external id has none."""
    if not 0 < len(external_id) <= EXTERNAL_ID_LENGTH_MAX:
        return None
    try:
        return member_id_of(account_id, external_id)
    except UnicodeEncodeError:
        return None


def _account_of(principal: Principal, external_id: str) -> UUID | None:
    """The id of the account that has this external id, if there is one; what cannot be an external id has none."""
    if principal.tenant_id is None or not 0 < len(external_id) <= EXTERNAL_ID_LENGTH_MAX:
        return None
    try:
        return account_id_of(principal.tenant_id, external_id)
    except UnicodeEncodeError:
        return None
