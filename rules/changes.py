"""Administrative acts, as the change log keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from rules.credentials import CredentialKind


@dataclass(frozen=True, slots=True)
class Change:
    """Who did what. `act` is the mutation's name; `detail_json` a JSON object of what was set, without secrets."""

    actor: CredentialKind
    act: str
    key_id: UUID | None = None
    member_id: UUID | None = None
    subject: str | None = None
    detail_json: str = "{}"
