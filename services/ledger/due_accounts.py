"""Settles what is due in accounts that nobody looks at. Whoever loads or reads an account settles it first anyway."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from models.database import Database
from models.statements import statement
from rules.ledger.commands import Settle
from services.ledger.writer import Writer

ACCOUNTS_MAX: Final = 500
"""Accounts settled side by side: about two batches for each lane."""


async def settle_due_accounts(database: Database, writer: Writer, tenant_id: UUID | None = None) -> int:
    """Settles every account that is due, of one tenant or of all; gives how many times an account was settled."""
    settled = 0
    while True:
        async with database.spanning_reader() as connection:
            due = await connection.fetch(statement("list_due_accounts"), tenant_id, ACCOUNTS_MAX)
        if not due:
            return settled
        await asyncio.gather(*(writer.submit(Settle(row["tenant_id"], row["account_id"])) for row in due))
        settled += len(due)
