"""A process that redeems one promo code for account after account, until it is killed or all were asked.

`python -m tests.faults.redeem_loop DSN TENANT CODE CALLERS ACCOUNT…`. Every process uses the same key for an account.
"""

import asyncio
import sys
from uuid import UUID

import uvloop

from models.database import Database
from models.unavailable import DatabaseUnavailable
from services.ledger.lane import LedgerUnavailable
from services.ledger.writer import Writer
from services.price_books import PriceBooks
from services.redemptions import Redemptions


async def main(dsn: str, tenant: str, code: str, callers: str, *accounts: str) -> None:
    async with await Database.open(dsn) as database, Writer(database) as writer:
        redemptions = Redemptions(database, writer, PriceBooks(database))
        waiting = list(accounts)

        async def call() -> None:
            while waiting:
                account = waiting.pop()
                try:
                    await redemptions.redeem(UUID(tenant), UUID(account), "the key", code)
                except (DatabaseUnavailable, LedgerUnavailable):
                    continue
                print(account, flush=True)

        async with asyncio.TaskGroup() as group:
            for _ in range(int(callers)):
                group.create_task(call())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
