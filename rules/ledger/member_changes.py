"""The changes of members that `ManageMembers` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from rules.ledger.kinds import MemberRole


@dataclass(frozen=True, slots=True)
class AddMember:
    """Takes a member in; one who is there stays as it is, one who was removed comes back, by this name and role."""

    member_id: UUID
    external_id: str
    name: str
    role: MemberRole


@dataclass(frozen=True, slots=True)
class UpdateMember:
    """Changes a member; None leaves a setting as it is."""

    member_id: UUID
    name: str | None = None
    role: MemberRole | None = None


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Ends a membership; what was assigned to it goes back to the pool, as far as no hold has it yet."""

    member_id: UUID


MemberChange = AddMember | UpdateMember | RemoveMember
