"""What a writer remembers of accounts, beside what the database has."""

from __future__ import annotations

import asyncio

from models.database import Database
from rules.ledger.commands import Settle
from rules.ledger.state import AccountState
from services.ledger.batch import run_batch
from services.ledger.known_accounts import KnownAccounts, LoadedAccount
from services.ledger.submission import NO_RIDERS, Submission
from services.ledger.writer import Writer


def known_to(writer: Writer) -> list[LoadedAccount]:
    """Every account that one of its lanes would not load again."""
    return [loaded for lane in writer._lanes for loaded in lane._known._known.values()]


async def misremembered(database: Database, writer: Writer) -> list[str]:
    """How what the writer would use differs from what it would load. What others wrote since it does not use."""
    remembered = known_to(writer)
    if not remembered:
        return []
    future = asyncio.get_running_loop().create_future()
    batch = [
        Submission(Settle(account.tenant_id, account.account_id), NO_RIDERS, future, 0.0)
        for account in (loaded.state.account for loaded in remembered)
    ]
    connection = await database.lane_connection()
    try:
        await connection.execute("BEGIN")
        decided = await run_batch(connection, batch, KnownAccounts())
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()
    loaded = {one.state.account.account_id: one for one in decided.accounts}
    wrong = []
    for known in remembered:
        account = known.state.account
        fresh = loaded[account.account_id]
        if fresh.mark != known.mark:
            continue
        for what, mine, theirs in (
            ("state", known.state, AccountState(account, known.state.grants, source_refs=known.state.source_refs)),
            ("account", account, fresh.state.account),
            ("grants", known.state.grants, fresh.state.grants),
            ("source refs", known.state.source_refs, fresh.state.source_refs),
            ("rest", known.rest, fresh.rest),
            ("rests of grants", known.grant_rests, fresh.grant_rests),
        ):
            if mine != theirs:
                wrong.append(f"{what}: remembered {mine}, in the database {theirs}")
    return wrong
