"""Works the sums of usage out anew from the journal and puts right what differs, beside a running server.

Whoever spends meanwhile adds the same to the journal and to the sums, so what differs in one snapshot goes on differing
by just as much: it is found without a lock, and added under the account's lock in a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement

PAGE_ACCOUNTS: Final = 1_000
"""Accounts whose ids are in memory at once."""

ACCOUNT_TIMEOUT_SECONDS: Final = 1_800.0
"""For reading the journal of one account; a hundred million entries take minutes."""

_BEFORE_ALL: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many accounts were looked at, and how many sums of how many of them were wrong."""

    accounts: int
    corrected_accounts: int
    corrected_sums: int


def _unwatched(done: int, total: int) -> None:
    del done, total


async def rebuild_usage(database: Database, *, progressed: Callable[[int, int], None] = _unwatched) -> Rebuilt:
    """Compares every account's sums with its journal and corrects them, account by account.

    `progressed` is told how many accounts of how many are done. What was corrected stays so if it is stopped on the
    way; it may be run again, and beside another. Raises `DatabaseUnavailable`.
    """
    async with database.spanning_reader() as connection:
        total: int = await connection.fetchval("SELECT count(*) FROM ledger_account", timeout=ACCOUNT_TIMEOUT_SECONDS)
    accounts = corrected_accounts = corrected_sums = 0
    last = _BEFORE_ALL
    while True:
        async with database.spanning_reader() as connection:
            page = await connection.fetch(statement("list_account_ids"), last, PAGE_ACCOUNTS)
        for row in page:
            last = row["account_id"]
            async with database.administration() as connection:
                corrected = await _rebuild(connection, last)
            accounts += 1
            corrected_accounts += corrected > 0
            corrected_sums += corrected
            progressed(accounts, max(total, accounts))
        if len(page) < PAGE_ACCOUNTS:
            return Rebuilt(accounts, corrected_accounts, corrected_sums)


async def _rebuild(connection: asyncpg.Connection, account_id: UUID) -> int:
    """Corrects one account in the open transaction; the number of sums that were wrong."""
    await connection.execute(statement("wait_for_rebuilds"))
    await connection.execute(statement("lock_usage_rebuild"), account_id, timeout=ACCOUNT_TIMEOUT_SECONDS)
    usage = await connection.fetch(statement("find_wrong_usage"), account_id, timeout=ACCOUNT_TIMEOUT_SECONDS)
    works = await connection.fetch(statement("find_wrong_works"), account_id, timeout=ACCOUNT_TIMEOUT_SECONDS)
    if not usage and not works:
        return 0
    await connection.execute(statement("lock_account"), account_id)
    await connection.execute(statement("correct_usage"), [tuple(row) for row in usage])
    await connection.execute(statement("correct_works"), [tuple(row) for row in works])
    await connection.execute(statement("delete_empty_usage"), account_id)
    await connection.execute(statement("delete_empty_works"), account_id)
    return len(usage) + len(works)
