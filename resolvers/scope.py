"""Scope: what the credential of a request may do, and which account it means. Decided here and nowhere else.

The tenant is always the credential's own; an id in the input may narrow the scope, never widen it. An id of another
tenant leads to the same answer as one that never was.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.account import EXTERNAL_ID_LENGTH_MAX
from resolvers.context import Asking
from resolvers.errors import ErrorCode, coded
from rules.identity import IdKind, PublicId, account_id_of, member_id_of, parse_public_id
from rules.ledger.refusals import NotFound
from rules.pricing.refusals import InvalidInput
from services.principal import Principal, Scope

_KEY_NEEDED = {
    Scope.READ: "a secret key of the tenant",
    Scope.QUOTE: "a secret key of the tenant",
    Scope.SPEND: "a secret key of the tenant",
    Scope.MANAGE: "a secret key of the tenant",
    Scope.KEYS: "a secret key of the tenant, or the root key",
    Scope.TENANTS: "the root key",
}


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


def tenant_with(info: Asking, scope: Scope) -> UUID:
    """The credential's tenant, if the credential includes the scope. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id = principal_with(info, scope).tenant_id
    if tenant_id is None:
        raise coded(ErrorCode.FORBIDDEN, f"This needs {_KEY_NEEDED[scope]}; the root key has no tenant.")
    return tenant_id


@dataclass(frozen=True, slots=True)
class ScopedAccount:
    """An account that the credential may ask about, whether there is one or not, and the tenant to ask in."""

    tenant_id: UUID
    account_id: UUID


def account_in_scope(
    info: Asking, scope: Scope, account_id: str | None, external_id: str | None = None
) -> ScopedAccount | NotFound | InvalidInput:
    """The account that is named by one of two names, else the credential's own. Raises UNAUTHENTICATED or FORBIDDEN."""
    tenant_id, own = tenant_with(info, scope), principal_of(info).account_id
    account = named_account(tenant_id, account_id, external_id)
    match account:
        case UUID():
            return ScopedAccount(tenant_id, account) if own is None or account == own else NotFound("account")
        case None if own is not None:
            return ScopedAccount(tenant_id, own)
        case None:
            return InvalidInput("accountId", "give the account's id, or its externalId")
        case _:
            return account


def named_account(
    tenant_id: UUID, account_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput | None:
    """The account that an input names, by one of two names; None where it names none."""
    if account_id is not None and external_id is not None:
        return InvalidInput("accountId", "give the account's id or its externalId, not both")
    if account_id is not None:
        named = parsed(account_id, IdKind.ACCOUNT)
        return NotFound("account") if named is None else named.owner
    if external_id is not None:
        return account_by_external_id(tenant_id, external_id)
    return None


def required_account(
    tenant_id: UUID, account_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput:
    """The account that an input must name."""
    account = named_account(tenant_id, account_id, external_id)
    return InvalidInput("accountId", "give the account's id, or its externalId") if account is None else account


def named_member(
    account_id: UUID, member_id: str | None, external_id: str | None
) -> UUID | NotFound | InvalidInput | None:
    """The member of the account that an input names, by one of two names; None where it names none."""
    if member_id is not None and external_id is not None:
        return InvalidInput("memberId", "give the member's id or its externalId, not both")
    if member_id is not None:
        return member_in(account_id, member_id) or NotFound("member")
    if external_id is not None:
        if not 0 < len(external_id) <= EXTERNAL_ID_LENGTH_MAX:
            return NotFound("member")
        try:
            return member_id_of(account_id, external_id)
        except UnicodeEncodeError:
            return NotFound("member")
    return None


def member_in(account_id: UUID, member_id: str) -> UUID | None:
    """The member of this account that a public id names; None for anything else."""
    named = parsed(member_id, IdKind.MEMBER)
    return named.part if named is not None and named.owner == account_id else None


def account_to_read(tenant_id: UUID, account_id: str | None, external_id: str | None) -> UUID | None:
    """The account that a read must name; None where there is no such one. Raises BAD_USER_INPUT where it names none."""
    account = required_account(tenant_id, account_id, external_id)
    if isinstance(account, InvalidInput):
        raise coded(ErrorCode.BAD_USER_INPUT, "Give `accountId` or `accountExternalId`, one of them.")
    return None if isinstance(account, NotFound) else account


def own_or_named_account(info: Asking, tenant_id: UUID, external_id: str | None) -> UUID | NotFound | InvalidInput:
    """The account of a credential that has one; else the one of this external id, which then must be given.

    Naming another account than the credential's own leads to NotFound, like one that never was.
    """
    own = principal_of(info).account_id
    if external_id is None:
        return (
            InvalidInput("account", "The key has no account of its own: name one by its externalId.")
            if own is None
            else own
        )
    named = account_by_external_id(tenant_id, external_id)
    return named if own is None or named == own else NotFound("account")


def account_by_external_id(tenant_id: UUID, external_id: str) -> UUID | NotFound:
    """The id of the account that has this external id, if there is one; what cannot be an external id has none."""
    if not 0 < len(external_id) <= EXTERNAL_ID_LENGTH_MAX:
        return NotFound("account")
    try:
        return account_id_of(tenant_id, external_id)
    except UnicodeEncodeError:
        return NotFound("account")


def parsed(text: str, kind: IdKind) -> PublicId | None:
    """A public id of this kind; None for anything else."""
    named = parse_public_id(text)
    return named if named is not None and named.kind is kind else None


def row_of(text: str, kind: IdKind) -> tuple[UUID, int] | NotFound:
    """The account and number of the row that a public id names."""
    named = parsed(text, kind)
    if named is None or named.local is None:
        return NotFound(kind.name.lower())
    return named.owner, named.local
