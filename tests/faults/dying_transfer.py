"""A process that transfers tokens and is killed on the way: after the debit, or after the credit, before the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

from models.database import Database
from rules.ledger.commands import ReceiveTransfer, SendTokens
from rules.ledger.requests import TransferRequest
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.transfers import Transfers

LAST = {"debit": SendTokens, "credit": ReceiveTransfer}
"""What it still does before it dies, by when it is to die."""


class Doomed(Writer):
    """Kills its process, without a word, as soon as a command of this kind is committed."""

    last: type = object

    async def submit(self, command: Any, *more: Any) -> Any:
        outcome = await super().submit(command, *more)
        if isinstance(command, self.last):
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome


async def transfer(dsn: str, when: str, tenant_id: UUID, source: UUID, target: UUID, amount: int) -> None:
    """Asks for the transfer; does not return."""
    async with await Database.open(dsn) as database, Doomed(database) as writer:
        writer.last = LAST[when]
        price_books = PriceBooks(database)
        transfers = Transfers(database, writer, price_books, LedgerReads(database, writer, price_books))
        await transfers.transfer_tokens(TransferRequest(tenant_id, source, "doomed", target, amount))


if __name__ == "__main__":
    dsn, when, tenant, source, target, amount = sys.argv[1:]
    asyncio.run(transfer(dsn, when, UUID(tenant), UUID(source), UUID(target), int(amount)))
