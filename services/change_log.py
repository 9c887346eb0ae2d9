"""The change log: who did which administrative act, written in the transaction of the act itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from rules.changes import Change
from rules.credentials import CredentialKind
from rules.ledger.records import Page, Slice
from services.principal import Principal

Detail = Mapping[str, str | int | bool | None]
"""What was set, by the name of its field; never a secret."""

_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One act as it was logged. `key_id` of a client token is the key that it was made with."""

    change_id: int
    at: datetime
    actor: CredentialKind
    key_id: UUID | None
    member_id: UUID | None
    act: str
    account_id: UUID | None
    subject: str | None
    detail: dict[str, str | int | bool]


def change_of(principal: Principal, act: str, subject: str | None = None, detail: Detail | None = None) -> Change:
    """What the log keeps of an act. `act` is the mutation's name, `subject` the public id of what it was done to."""
    given = {name: value for name, value in (detail or {}).items() if value is not None}
    return Change(
        actor=principal.kind,
        act=act,
        key_id=principal.key_id,
        member_id=principal.member_id,
        subject=subject,
        detail_json=json.dumps(given, sort_keys=True),
    )


async def record_change(
    connection: asyncpg.Connection, tenant_id: UUID, change: Change, account_id: UUID | None = None
) -> None:
    """Writes an act that is no ledger command into the log, in the caller's transaction."""
    await connection.execute(
        statement("insert_change"),
        tenant_id,
        change.actor.value,
        change.key_id,
        change.member_id,
        change.act,
        account_id,
        change.subject,
        change.detail_json,
    )


class ChangeLog:
    """Reads the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, tenant_id: UUID, account_id: UUID | None, part: Slice[int]) -> Page[ChangeRecord]:
        """Newest first, keyed by number; of one account where one is given."""
        below = _NEWEST if part.after is None else part.after
        async with self._database.reader(tenant_id) as connection:
            rows = await connection.fetch(statement("list_changes"), tenant_id, below, account_id, part.first + 1)
        return Page(tuple(_record(row) for row in rows[: part.first]), len(rows) > part.first)

    async def count(self, tenant_id: UUID, account_id: UUID | None) -> int:
        """How many `list` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_changes"), tenant_id, account_id))


def _record(row: asyncpg.Record) -> ChangeRecord:
    return ChangeRecord(
        change_id=row["change_id"],
        at=row["at"],
        actor=CredentialKind(row["actor_kind"]),
        key_id=row["actor_key_id"],
        member_id=row["actor_member_id"],
        act=row["act"],
        account_id=row["account_id"],
        subject=row["subject"],
        detail=json.loads(row["detail"]),
    )
