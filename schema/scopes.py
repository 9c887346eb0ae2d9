"""For whom something of an account is seen: the member and project that an argument names."""

from __future__ import annotations

from uuid import UUID

from graphql import GraphQLError

from rules.identity import IdKind, parse_public_id
from rules.ledger.burn_down import Spender
from rules.ledger.records import MembersSeen
from schema.reads import LedgerReads

PROJECT_LENGTH_MAX = 255


def member_of(seen: MembersSeen, account_id: UUID, member_id: str) -> UUID:
    """The member of this account that a public id names, if it is seen. Raises a coded GraphQLError for any other."""
    named = parse_public_id(member_id)
    if (
        named is None
        or named.kind is not IdKind.MEMBER
        or named.owner != account_id
        or named.part is None
        or not seen.include(named.part)
    ):
        raise bad_input("`memberId` must be the id of a member of the account.")
    return named.part


async def spender_seen(
    reads: LedgerReads,
    seen: MembersSeen,
    tenant_id: UUID,
    account_id: UUID,
    member_id: str | None,
    project: str | None,
) -> Spender:
    """For whom a balance is asked. Raises a coded GraphQLError for a member or project that cannot be."""
    if project is not None and not _is_project(project):
        raise bad_input(f"`project` takes 1 to {PROJECT_LENGTH_MAX} characters.")
    if member_id is None:
        return Spender(None, project)
    member = member_of(seen, account_id, member_id)
    if not await reads.has_member(tenant_id, account_id, member):
        raise bad_input("`memberId` must be the id of a member of the account.")
    return Spender(member, project)


def _is_project(text: str) -> bool:
    has_bad_characters = "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
    return bool(text.strip()) and len(text) <= PROJECT_LENGTH_MAX and not has_bad_characters


def bad_input(message: str) -> GraphQLError:
    """An argument that cannot be meant, as a coded error."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
