"""Members: who belongs to an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rules.ledger.kinds import MemberRole


@dataclass(slots=True)
class Member:
    """A member's row. Its id derives from the account and the external id; one that was removed is kept, inactive."""

    member_id: UUID
    external_id: str
    name: str
    role: MemberRole
    created_at: datetime
    active: bool = True
    removed_at: datetime | None = None
