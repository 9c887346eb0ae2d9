"""For whom something of an account is seen: the member and project that an argument names."""

from __future__ import annotations

from uuid import UUID

from graphql import GraphQLError

from rules.identity import IdKind, parse_public_id


def member_of(account_id: UUID, member_id: str) -> UUID:
    """The member of this account that a public id names. Raises a coded GraphQLError for any other text."""
    named = parse_public_id(member_id)
    if named is None or named.kind is not IdKind.MEMBER or named.owner != account_id or named.part is None:
        raise _bad_input("`memberId` must be the id of a member of the account.")
    return named.part


def _bad_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
