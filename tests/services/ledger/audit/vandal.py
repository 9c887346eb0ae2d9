"""Spoils a ledger as only the database's superuser could: past triggers, foreign keys and checks."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from uuid import UUID

import asyncpg

from models.database import Database
from rules.ledger.journal import chained_hash, epoch_micros
from rules.ledger.kinds import EntryKind
from services.ledger.audit import audit
from tests.services.ledger.histories import LivedIn

NOTHING = 999_999
"""An id that no row has."""


class Vandal:
    """One connection on which nothing is refused. Everything it is told happens to one account."""

    def __init__(self, database: Database, lived_in: LivedIn) -> None:
        self.lived_in = lived_in
        self._database = database
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await asyncpg.connect(self._database.dsn)
        await self._connection.execute("SET session_replication_role = replica")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._there.close()

    @property
    def _there(self) -> asyncpg.Connection:
        assert self._connection is not None
        return self._connection

    async def does(self, statement: str) -> None:
        """A statement on the whole database."""
        await self._there.execute(statement)

    async def finds(self, query: str, account_id: UUID, *more: object) -> Any:
        """One value; the query's $1 is the account. There must be one, or the test would spoil nothing."""
        value = await self._there.fetchval(query, account_id, *more)
        assert value is not None, query
        return value

    async def row(self, query: str, account_id: UUID) -> tuple[Any, ...]:
        """One row; the query's $1 is the account."""
        found = await self._there.fetchrow(query, account_id)
        assert found is not None, query
        return tuple(found)

    async def changes(self, statement: str, account_id: UUID, *more: object) -> None:
        """Changes one row, exactly; the statement's $1 is the account."""
        assert (await self._there.execute(statement, account_id, *more)).split()[-1] == "1", statement

    async def drops_checks(self, table: str) -> None:
        """Frees a table of its CHECK and UNIQUE constraints."""
        names = await self._there.fetch(
            "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('c', 'u')", table
        )
        for row in names:
            await self._there.execute(f"ALTER TABLE {table} DROP CONSTRAINT {row['conname']}")

    async def rechains(self, account_id: UUID, *, hides_availability: bool = True) -> None:
        """Makes an account's journal look whole again after a change: what was available, the hashes, their head."""
        rows = await self._there.fetch("SELECT * FROM entry WHERE account_id = $1 ORDER BY version", account_id)
        net, head = 0, b""
        for row in rows:
            net += row["total_change"] - row["held_change"] - row["owed_change"]
            available = max(0, net + max(0, row["credit_limit"])) if hides_availability else row["available_after"]
            head = _hash_of(row, head, available)
            await self.changes(
                "UPDATE entry SET available_after = $4, hash = $5 WHERE account_id = $1 AND version = $2 AND at = $3",
                account_id,
                row["version"],
                row["at"],
                available,
                head,
            )
        await self.changes("UPDATE ledger_account SET head_hash = $2 WHERE account_id = $1", account_id, head)

    async def finding_names(self) -> set[str]:
        """Which checks find anything."""
        return {finding.check for finding in await audit(self._database)}

    async def recounts(self, account_id: UUID, hold_id: int, more: int) -> None:
        """Makes every window look as if a hold had consumed so much more."""
        for table, whose in (
            ("ledger_account", ""),
            ("ledger_scope", "AND w.subject IN (h.member_id::text, h.project)"),
        ):
            sets = ", ".join(
                f"spending.{period}_consumed = (w.spending).{period}_consumed"
                f" + CASE WHEN h.created_at >= (w.spending).{period}_starts_at THEN $3 ELSE 0 END"
                for period in ("day", "week", "month")
            )
            await self._there.execute(
                f"UPDATE {table} w SET {sets}, spending.total_consumed = (w.spending).total_consumed + $3"
                f" FROM hold h WHERE h.account_id = $1 AND h.hold_id = $2 AND w.account_id = h.account_id {whose}",
                account_id,
                hold_id,
                more,
            )

    async def recounts_works(self, account_id: UUID) -> None:
        """Makes the sums of works agree with the holds again, so that another check must tell."""
        await self._there.execute("DELETE FROM work_day WHERE account_id = $1", account_id)
        await self._there.execute("INSERT INTO work_day SELECT * FROM work_journaled WHERE account_id = $1", account_id)

    async def is_caught(self, check: str, where: str) -> None:
        """The audit names this check and this row, and nothing else."""
        await self.are_caught((check, where))

    async def are_caught(self, *expected: tuple[str, str]) -> None:
        """The audit names these checks and rows, in this order, and nothing else."""
        findings = await audit(self._database)
        assert [(finding.check, finding.where) for finding in findings] == list(expected), findings
        assert all(finding.message for finding in findings)


def _hash_of(row: asyncpg.Record, before: bytes, available: int) -> bytes:
    return chained_hash(
        before,
        row["tenant_id"],
        row["account_id"],
        (
            row["version"],
            epoch_micros(row["at"]),
            row["total_change"],
            row["held_change"],
            row["owed_change"],
            row["clawed_change"],
            row["spent"],
            available,
            row["credit_limit"],
            row["hold_id"] or 0,
            row["grant_id"] or 0,
        ),
        EntryKind(row["kind"]),
        row["member_id"],
        row["project"],
        row["model"],
        row["category"],
        row["text_digest"],
    )
