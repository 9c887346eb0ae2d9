"""The change log as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

import strawberry

from rules.identity import IdKind
from schema.described import output
from schema.nodes import shown_id
from schema.words import CredentialKind


class ChangeRecord(Protocol):
    """A line of the log."""

    @property
    def change_id(self) -> int:
        """Its number."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def actor(self) -> CredentialKind:
        """With which kind of credential."""

    @property
    def key_id(self) -> UUID | None:
        """With which key."""

    @property
    def member_id(self) -> UUID | None:
        """By which member."""

    @property
    def act(self) -> str:
        """What was done."""

    @property
    def account_id(self) -> UUID | None:
        """To which account."""

    @property
    def subject(self) -> str | None:
        """To what."""

    @property
    def detail(self) -> Mapping[str, str | int | bool]:
        """What was set."""


@output
class ChangeDetail:
    """One thing that an act set."""

    name: str
    """The field's name."""
    value: str
    """What it was set to."""


@output
class Change:
    """An administrative act, as it was logged with it. It never changes."""

    id: strawberry.ID
    """Opaque, and the same for good."""
    at: datetime
    """When it happened, by the tenant's clock."""
    actor: CredentialKind
    """What kind of credential did it; ROOT is also the operator at the server's command line."""
    key_id: strawberry.ID | None
    """The key that did it, or that the client token was made with; null for the root key."""
    member_id: strawberry.ID | None
    """The member that did it with a client token of its own."""
    act: str
    """What was done: the name of the mutation, such as "revokeApiKey"."""
    account_id: strawberry.ID | None
    """The account that it concerned, if it was one."""
    subject: str | None
    """The id of what it was done to."""
    detail: list[ChangeDetail]
    """What was set; never a secret."""


def shown_change(tenant_id: UUID, record: ChangeRecord) -> Change:
    """A line of the log as it is shown."""
    return Change(
        id=shown_id(IdKind.CHANGE, tenant_id, record.change_id),
        at=record.at,
        actor=record.actor,
        key_id=None if record.key_id is None else shown_id(IdKind.API_KEY, record.key_id),
        member_id=_member(record),
        act=record.act,
        account_id=None if record.account_id is None else shown_id(IdKind.ACCOUNT, record.account_id),
        subject=record.subject,
        detail=[ChangeDetail(name=name, value=_text_of(value)) for name, value in sorted(record.detail.items())],
    )


def _member(record: ChangeRecord) -> strawberry.ID | None:
    # Who acts as a member acts within its account.
    if record.member_id is None or record.account_id is None:
        return None
    return shown_id(IdKind.MEMBER, record.account_id, part=record.member_id)


def _text_of(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
