"""A process that sends reserves all at once, and says what came of them.

`python -m tests.faults.reserve_rush DSN TENANT ACCOUNT RUNS_PER_MINUTE NAME SPENDER:CALLS…`, a spender being a member's
id, a project, or "nobody"; 0 runs per minute: any number. Each call reserves 1 micro-token. Answers with one line of
JSON: for each spender how many calls came to what.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any
from uuid import UUID

import uvloop

from models.database import Database
from services.ledger.writer import Writer
from tests.services.ledger.cashier import a_reserve


def who(spender: str) -> dict[str, Any]:
    if spender == "nobody":
        return {}
    try:
        return {"member_id": UUID(spender)}
    except ValueError:
        return {"project": spender}


async def main(dsn: str, tenant: str, account: str, runs_per_minute: str, name: str, *calls: str) -> None:
    spenders = [spender for call in calls for spender, _, number in [call.rpartition(":")] for _ in range(int(number))]
    async with await Database.open(dsn) as database, Writer(database) as writer:
        commands = [
            a_reserve(
                UUID(tenant),
                UUID(account),
                key=f"{name}-{number}",
                runs_per_minute=int(runs_per_minute) or None,
                **who(spender),
            )
            for number, spender in enumerate(spenders)
        ]
        # Nobody begins before the other process is there as well.
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        outcomes = await asyncio.gather(*map(writer.submit, commands))
    told: dict[str, Counter[str]] = {spender: Counter() for spender in spenders}
    for spender, outcome in zip(spenders, outcomes, strict=True):
        told[spender][type(outcome).__name__] += 1
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
