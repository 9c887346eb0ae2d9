"""A process that reserves and commits in a loop, and says each answer that it got, once it has it.

`python -m tests.faults.fare_loop DSN TENANT NAME CALLERS RIDES ACCOUNT…`. Two with one NAME use the same keys. Ends
after so many rides of each caller, or when it is killed.
"""

import asyncio
import json
import os
import sys
from uuid import UUID

import uvloop

from models.database import Database
from models.unavailable import DatabaseUnavailable
from rules.ledger.commands import Commit, Reserve
from rules.ledger.kinds import Mutation
from rules.ledger.outcomes import HoldEffect
from services.ledger.lane import LedgerUnavailable
from services.ledger.writer import Writer
from tests.services.ledger.cashier import a_key, a_reserve

CONNECT_PAUSE_SECONDS = 0.1


def reserved_amount(key: str) -> int:
    """What a key reserves: every process and the test know it without telling each other."""
    return 2 + sum(key.encode()) % 7


def the_reserve(tenant_id: UUID, account_id: UUID, key: str) -> Reserve:
    return a_reserve(tenant_id, account_id, reserved_amount(key), key=key)


def the_commit(tenant_id: UUID, account_id: UUID, key: str, hold_id: int) -> Commit:
    return Commit(
        tenant_id, account_id, a_key(Mutation.COMMIT, key), hold_id, amount=reserved_amount(key) - 1, final=True
    )


async def answer_to(writer: Writer, command: Reserve | Commit) -> HoldEffect:
    """Asks until the ledger has an answer; the same key every time."""
    while True:
        try:
            outcome = await writer.submit(command)
        except LedgerUnavailable:
            continue
        if not isinstance(outcome, HoldEffect):
            raise AssertionError(f"{command} came to {outcome}")
        return outcome


def say(command: Reserve | Commit, outcome: HoldEffect) -> None:
    """One line, in one write."""
    line = {
        "account": str(command.account_id),
        "mutation": command.once.mutation,
        "key": command.once.key,
        "hold": outcome.hold.hold_id,
        "reserved": outcome.hold.amount,
        "amount": outcome.amount,
        "version": outcome.balance.version,
        "replayed": outcome.replayed,
    }
    os.write(1, (json.dumps(line) + "\n").encode())


async def ride(writer: Writer, tenant_id: UUID, account_id: UUID, key: str) -> None:
    reserve = the_reserve(tenant_id, account_id, key)
    reserved = await answer_to(writer, reserve)
    say(reserve, reserved)
    commit = the_commit(tenant_id, account_id, key, reserved.hold.hold_id)
    say(commit, await answer_to(writer, commit))


async def main(dsn: str, tenant: str, name: str, callers: str, rides: str, *accounts: str) -> None:
    while True:
        try:
            database = await Database.open(dsn)
            break
        except DatabaseUnavailable:
            await asyncio.sleep(CONNECT_PAUSE_SECONDS)

    async def call(writer: Writer, caller: int) -> None:
        for number in range(int(rides)):
            account_id = UUID(accounts[(caller + number) % len(accounts)])
            await ride(writer, UUID(tenant), account_id, f"{name}-{caller}-{number}")

    async with database, Writer(database) as writer, asyncio.TaskGroup() as group:
        for caller in range(int(callers)):
            group.create_task(call(writer, caller))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
