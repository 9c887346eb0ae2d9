"""Saved workflows: an account's lines of work by name, to be estimated and reserved by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import CLOSED, NotFound
from rules.ledger.requests import PayableWork, Quoted, SavedWork, Work
from rules.pricing.rating import LineRequest, Priced, PricingRefusal, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.slugs import MAX_SLUG_CHARACTERS
from rules.workflows import Workflow, decode_lines, encode_lines, workflow_slug
from services.change_log import change_of, record_change
from services.names import fault_of_name
from services.price_books import PriceBooks
from services.principal import OPERATOR, Principal
from services.texts import NOTE_LENGTH_MAX, fault_of_text, first_fault

WORKFLOWS_MAX: Final = 1_000
"""Workflows of one account, archived ones included: beyond that somebody saves what should not be saved."""

VERSION_MAX: Final = 2**31 - 1

SaveOutcome = Workflow | UnknownModel | InvalidParams | NotFound | InvalidInput


class Workflows:
    """Saves, archives, lists and resolves workflows. Raises `DatabaseUnavailable`."""

    def __init__(self, database: Database, price_books: PriceBooks) -> None:
        self._database = database
        self._price_books = price_books

    async def save(
        self,
        tenant_id: UUID,
        account_id: UUID,
        *,
        name: str,
        lines: Sequence[LineRequest],
        note: str | None = None,
        slug: str | None = None,
        by: Principal = OPERATOR,
    ) -> SaveOutcome:
        """Makes the next version, or gives the newest where it has these very lines; an archived one comes back.

        `slug` None: made of the name. The lines must have a price in the book in force.
        """
        key = workflow_slug(name) if slug is None else slug
        note_fault = fault_of_text("note", note, NOTE_LENGTH_MAX)
        fault = first_fault(fault_of_name("name", name), _fault_of_slug(key), note_fault)
        book = (await self._price_books.current(tenant_id)).book
        priced = price_lines(book, tuple(lines), purpose=Purpose.ESTIMATE)
        try:
            return await self._save(tenant_id, account_id, key, name, lines, note, by, fault or _unpriced(priced))
        except _Closed:
            return InvalidInput("accountId", CLOSED)
        except _TooMany:
            return InvalidInput("name", f"the account has {WORKFLOWS_MAX} workflows already; save this as one of them")

    async def _save(
        self,
        tenant_id: UUID,
        account_id: UUID,
        key: str,
        name: str,
        lines: Sequence[LineRequest],
        note: str | None,
        by: Principal,
        fault: UnknownModel | InvalidParams | InvalidInput | None,
    ) -> SaveOutcome:
        async with self._database.tenant(tenant_id) as connection:
            if fault is not None:
                account = await connection.fetchrow(statement("read_account"), account_id, tenant_id)
                return NotFound("account") if account is None else fault
            await connection.execute(statement("make_workflow"), account_id, tenant_id, key, name)
            row = await connection.fetchrow(statement("lock_workflow"), account_id, tenant_id, key)
            if row is None:
                return NotFound("account")
            if row["closed_at"] is not None:
                raise _Closed
            if row["newest"] == 0 and row["workflows"] > WORKFLOWS_MAX:
                raise _TooMany
            text = encode_lines(lines)
            # Read after the lock: whoever held it may have saved these very lines.
            newest = await connection.fetchrow(statement("read_workflow"), account_id, tenant_id, key, None)
            if newest is not None and newest["lines"] == text:
                await connection.execute(statement("update_workflow"), account_id, key, name, row["newest"], None)
                return replace(_workflow(newest), name=name, archived_at=None)
            version = row["newest"] + 1
            await connection.execute(
                statement("insert_workflow_version"), account_id, key, version, tenant_id, text, note, row["now"]
            )
            await connection.execute(statement("update_workflow"), account_id, key, name, version, None)
            await _record(connection, tenant_id, account_id, "saveWorkflow", key, version, by)
            return Workflow(account_id, key, name, version, decode_lines(text), note, row["now"])

    async def archive(
        self, tenant_id: UUID, account_id: UUID, name: str, *, by: Principal = OPERATOR
    ) -> Workflow | NotFound:
        """Takes a workflow out of lists and use; its versions are kept, and saving it again brings it back."""
        slug = workflow_slug(name)
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(statement("lock_workflow"), account_id, tenant_id, slug)
            if row is None or row["newest"] == 0:
                return NotFound("workflow")
            archived_at = row["archived_at"] or row["now"]
            await connection.execute(
                statement("update_workflow"), account_id, slug, row["name"], row["newest"], archived_at
            )
            found = await connection.fetchrow(statement("read_workflow"), account_id, tenant_id, slug, None)
            await _record(connection, tenant_id, account_id, "archiveWorkflow", slug, row["newest"], by)
        return NotFound("workflow") if found is None else _workflow(found)

    async def find(self, tenant_id: UUID, account_id: UUID, name: str, version: int | None) -> Workflow | None:
        """One version by name or slug, the newest where none is named; archived ones too."""
        if version is not None and not 0 < version <= VERSION_MAX:
            return None
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(
                statement("read_workflow"), account_id, tenant_id, workflow_slug(name), version
            )
        return None if row is None else _workflow(row)

    async def list(self, tenant_id: UUID, account_id: UUID, part: Slice[str], *, archived: bool) -> Page[Workflow]:
        """Newest versions by slug, which is also the key; `archived` adds those that were archived."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_workflows"), account_id, tenant_id, part.after, archived, part.first + 1
            )
        return Page(tuple(_workflow(row) for row in found[: part.first]), len(found) > part.first)

    async def count(self, tenant_id: UUID, account_id: UUID, *, archived: bool) -> int:
        """How many `list` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_workflows"), account_id, tenant_id, archived))

    async def resolved(
        self, tenant_id: UUID, account_id: UUID | None, work: PayableWork | SavedWork
    ) -> Work | Quoted | NotFound:
        """The lines that a saved workflow stands for now; other work as it is. An archived one is not found."""
        if not isinstance(work, SavedWork):
            return work
        found = None if account_id is None else await self.find(tenant_id, account_id, work.name, work.version)
        return NotFound("workflow") if found is None or found.archived_at is not None else found.lines


async def _record(
    connection: asyncpg.Connection, tenant_id: UUID, account_id: UUID, act: str, slug: str, version: int, by: Principal
) -> None:
    change = change_of(by, act, None, {"workflow": slug, "version": version})
    await record_change(connection, tenant_id, change, account_id)


class _Closed(Exception):
    """The account was closed; nothing is kept of the workflow."""


class _TooMany(Exception):
    """One more workflow than an account can have; nothing is kept of it."""


def _unpriced(priced: Priced | PricingRefusal) -> PricingRefusal | None:
    return None if isinstance(priced, Priced) else priced


def _fault_of_slug(slug: str) -> InvalidInput | None:
    if not slug:
        return InvalidInput("slug", "the name has no ASCII letter or digit to make one of: give a slug")
    if slug != workflow_slug(slug) or len(slug) > MAX_SLUG_CHARACTERS:
        return InvalidInput(
            "slug",
            f"must be lower-case letters, digits and dots, joined by single hyphens, at most {MAX_SLUG_CHARACTERS}",
        )
    return None


def _workflow(row: asyncpg.Record) -> Workflow:
    return Workflow(
        account_id=row["account_id"],
        slug=row["slug"],
        name=row["name"],
        version=row["version"],
        lines=decode_lines(row["lines"]),
        note=row["note"],
        created_at=row["created_at"],
        archived_at=row["archived_at"],
    )
