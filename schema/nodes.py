"""Nodes: whatever has an id of its own."""

from __future__ import annotations

from uuid import UUID

import strawberry

from rules.identity import IdKind, public_id
from schema.described import interface


@interface
class Node:
    """Something that `node` finds by its id."""

    id: strawberry.ID
    """Opaque, and the same for good."""


def shown_id(kind: IdKind, owner: UUID, local: int | None = None, part: UUID | None = None) -> strawberry.ID:
    """The public id of a row."""
    return strawberry.ID(public_id(kind, owner, local, part))


def shown_member_id(account_id: UUID, member_id: UUID | None) -> strawberry.ID | None:
    """The public id of a member of the account, where there is one."""
    return None if member_id is None else shown_id(IdKind.MEMBER, account_id, part=member_id)


def shown_id_or_none(kind: IdKind, owner: UUID, local: int | None) -> strawberry.ID | None:
    """The public id of a row that may not be."""
    return None if local is None else shown_id(kind, owner, local)
