"""Brings tokens that are on their way between accounts: at once by whoever sent them, else by the sweeper.

Any number of processes may bring the same ones: each debit is credited once, because the grants that it becomes are
named by it. Only then is its message done, so that a crash anywhere leaves something that can be brought again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from uuid import UUID

import asyncpg

from models.database import Database
from models.statements import statement
from models.unavailable import DatabaseUnavailable
from rules.ledger.commands import ReceiveTransfer, TransferPart
from rules.ledger.outcomes import AccountEffect
from rules.ledger.refusals import CLOSED
from rules.ledger.transfers import TOPIC, read_payload
from rules.pricing.refusals import InvalidInput
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import LedgerOutcome
from services.ledger.writer import Writer

TRANSFERS_MAX: Final = 200
"""Transfers brought side by side in one round; what is left over waits for the next."""

POSTPONED_SECONDS: Final = 5.0
"""How long what could not be brought makes room for others; twice as long each time."""

POSTPONED_SECONDS_MAX: Final = 3_600.0

logger = logging.getLogger(__name__)


async def bring_transfer(database: Database, writer: Writer, tenant_id: UUID, source_id: UUID, version: int) -> None:
    """Brings what an account had sent last by this version of its, unless it has arrived."""
    async with database.reader(tenant_id) as connection:
        waiting = await connection.fetchrow(statement("find_sent_transfer"), source_id, version)
    if waiting is not None:
        await _bring(database, writer, waiting)


async def bring_transfers(database: Database, writer: Writer) -> int:
    """Brings what is on its way and not postponed, `TRANSFERS_MAX` at most; gives how many have arrived or come back.

    What cannot be brought is postponed, and keeps no other from being brought.
    """
    async with database.spanning_reader() as connection:
        waiting = await connection.fetch(statement("list_open_transfers"), TRANSFERS_MAX)
    brought = await asyncio.gather(*(_bring_or_postpone(database, writer, row) for row in waiting))
    return sum(brought)


async def _bring_or_postpone(database: Database, writer: Writer, row: asyncpg.Record) -> bool:
    try:
        if await _bring(database, writer, row):
            return True
    except (DatabaseUnavailable, LedgerUnavailable) as error:
        logger.warning("transfer %s of account %s waits: %s", row["message_id"], row["account_id"], error)
    except Exception:
        # Whatever is wrong with one must not hold up the others.
        logger.exception("transfer %s of account %s failed", row["message_id"], row["account_id"])
    try:
        async with database.administration() as connection:
            await connection.execute(
                statement("postpone_outgoing"),
                row["account_id"],
                row["message_id"],
                TOPIC,
                POSTPONED_SECONDS,
                POSTPONED_SECONDS_MAX,
            )
    except DatabaseUnavailable as error:
        logger.warning("transfer %s of account %s is not postponed: %s", row["message_id"], row["account_id"], error)
    return False


async def _bring(database: Database, writer: Writer, row: asyncpg.Record) -> bool:
    """To its target; back to where it came from if the target was closed meanwhile, which is for good."""
    target_id, parts = read_payload(row["payload"])
    tenant_id, source_id = row["tenant_id"], row["account_id"]
    outcome = await _credit(writer, tenant_id, target_id, source_id, parts)
    if outcome == InvalidInput("toAccountId", CLOSED):
        outcome = await _credit(writer, tenant_id, source_id, source_id, parts)
    if not isinstance(outcome, AccountEffect):
        # It would be more than can be counted: what has no room yet may have some later.
        logger.warning("transfer %s of account %s stays on its way: %s", row["message_id"], source_id, outcome)
        return False
    async with database.administration() as connection:
        await connection.execute(statement("finish_outgoing"), source_id, row["message_id"], TOPIC)
    return True


async def _credit(
    writer: Writer, tenant_id: UUID, account_id: UUID, source_id: UUID, parts: tuple[TransferPart, ...]
) -> LedgerOutcome:
    return await writer.submit(ReceiveTransfer(tenant_id, account_id, source_id, parts))
