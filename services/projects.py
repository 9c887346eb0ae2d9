"""Projects: what an account expects work under a label to cost, and what it did cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from rules.ledger.records import Page, Slice
from rules.ledger.refusals import CLOSED, NotFound
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MAX_TOKENS
from rules.projects import BUFFER_PERCENT_MAX, Project, budget_of
from services.change_log import Detail, change_of, record_change
from services.principal import OPERATOR, Principal
from services.texts import fault_of_label, first_fault

PROJECTS_MAX: Final = 10_000
"""Projects of one account, archived ones included."""


@dataclass(frozen=True, slots=True)
class ProjectChanges:
    """What to set of a project; `given` names the fields that were given, the others stay as they are."""

    given: frozenset[str] = frozenset()
    estimate: int | None = None
    buffer_percent: int | None = None
    budget: int | None = None
    archived: bool | None = None


class Projects:
    """Saves, finds and lists projects. Raises `DatabaseUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(
        self, tenant_id: UUID, account_id: UUID, name: str, changes: ProjectChanges, *, by: Principal = OPERATOR
    ) -> Project | NotFound | InvalidInput:
        """Makes the project, or changes what is given of it."""
        fault = fault_of_label("name", name) or _fault_of_changes(changes)
        try:
            async with self._database.tenant(tenant_id) as connection:
                if fault is not None:
                    account = await connection.fetchrow(statement("read_account"), account_id, tenant_id)
                    return NotFound("account") if account is None else fault
                made: str = await connection.execute(statement("make_project"), account_id, tenant_id, name)
                row = await connection.fetchrow(statement("lock_project"), account_id, tenant_id, name)
                if row is None:
                    return NotFound("account")
                if row["closed_at"] is not None:
                    raise _Refused("accountId", CLOSED)
                if made.endswith(" 1") and row["projects"] > PROJECTS_MAX:
                    raise _Refused("name", f"the account has {PROJECTS_MAX} projects already")
                given = changes.given
                estimate = changes.estimate if "estimate" in given else row["estimate"]
                percent = row["buffer_percent"] if changes.buffer_percent is None else changes.buffer_percent
                if (budget_of(estimate, percent) or 0) > MAX_MICROS:
                    raise _Refused("estimate", f"with its buffer must be at most {MAX_TOKENS} tokens")
                archived_at = row["archived_at"]
                if changes.archived is not None:
                    archived_at = (archived_at or row["now"]) if changes.archived else None
                changed = await connection.fetchrow(
                    statement("update_project"),
                    account_id,
                    name,
                    estimate,
                    percent,
                    changes.budget if "budget" in given else row["budget"],
                    archived_at,
                )
                if changed is None:
                    raise AssertionError(f"project {name!r} is locked and is not there")
                (project,) = await _with_spending(connection, account_id, [changed])
                detail: Detail = {"project": name, "set": ", ".join(sorted(given))}
                await record_change(connection, tenant_id, change_of(by, "saveProject", None, detail), account_id)
                return project
        except _Refused as refused:
            return refused.fault

    async def find(self, tenant_id: UUID, account_id: UUID, name: str) -> Project | None:
        """One project, archived or not."""
        if fault_of_label("name", name) is not None:
            return None
        async with self._database.reader(tenant_id) as connection:
            row = await connection.fetchrow(statement("read_project"), account_id, tenant_id, name)
            found = [] if row is None else await _with_spending(connection, account_id, [row])
        return found[0] if found else None

    async def list(self, tenant_id: UUID, account_id: UUID, part: Slice[str], *, archived: bool) -> Page[Project]:
        """By name, which is also the key; `archived` adds those that were archived."""
        async with self._database.reader(tenant_id) as connection:
            found = await connection.fetch(
                statement("list_projects"), account_id, tenant_id, part.after, archived, part.first + 1
            )
            projects = await _with_spending(connection, account_id, found[: part.first])
        return Page(tuple(projects), len(found) > part.first)

    async def count(self, tenant_id: UUID, account_id: UUID, *, archived: bool) -> int:
        """How many `list` lists in all."""
        async with self._database.reader(tenant_id) as connection:
            return int(await connection.fetchval(statement("count_projects"), account_id, tenant_id, archived))


class _Refused(Exception):
    """What was written must not stay."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field)
        self.fault = InvalidInput(field, message)


async def _with_spending(
    connection: asyncpg.Connection, account_id: UUID, rows: Sequence[asyncpg.Record]
) -> list[Project]:
    """The projects of these rows with what was spent on each."""
    names = [row["name"] for row in rows]
    sums = await connection.fetch(statement("sum_project_spending"), account_id, names) if names else ()
    spent = {row["project"]: row["spent"] for row in sums}
    return [
        Project(
            account_id=row["account_id"],
            name=row["name"],
            estimate=row["estimate"],
            buffer_percent=row["buffer_percent"],
            own_budget=row["budget"],
            actual=spent.get(row["name"], 0),
            created_at=row["created_at"],
            archived_at=row["archived_at"],
        )
        for row in rows
    ]


def _fault_of_changes(changes: ProjectChanges) -> InvalidInput | None:
    given = changes.given
    return first_fault(
        _fault_of_amount("estimate", changes.estimate),
        _fault_of_amount("budget", changes.budget),
        InvalidInput("bufferPercent", f"must be between 0 and {BUFFER_PERCENT_MAX}")
        if changes.buffer_percent is not None and not 0 <= changes.buffer_percent <= BUFFER_PERCENT_MAX
        else None,
        *(
            InvalidInput(field, "must not be null; leave it out to keep what it is")
            for field, name in (("bufferPercent", "buffer_percent"), ("archived", "archived"))
            if name in given and getattr(changes, name) is None
        ),
    )


def _fault_of_amount(field: str, amount: int | None) -> InvalidInput | None:
    if amount is None or 0 <= amount <= MAX_MICROS:
        return None
    return InvalidInput(field, f"must be between 0 and {MAX_TOKENS} tokens")
