from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from benchmarks.contenders import Contender
from benchmarks.ledger_service import LedgerService
from benchmarks.one_call_rival import make_one_call_tables, open_one_call_rival
from benchmarks.tortoise_rival import open_tortoise_rival
from models.database import Database
from models.tenant import Tenant
from services.ledger.writer import Writer

POOL_SIZE = 8


@pytest.fixture(params=["ledger", "tortoise", "one call"])
async def contender(
    request: pytest.FixtureRequest, database: Database, dsn: str, a_tenant: Callable[..., Awaitable[Tenant]]
) -> AsyncIterator[Contender]:
    """Each way to do the work, on a database of its own."""
    tenant_id = (await a_tenant()).id
    match request.param:
        case "ledger":
            async with Writer(database) as writer:
                yield LedgerService(database, writer, tenant_id)
        case "tortoise":
            async with open_tortoise_rival(dsn, tenant_id, POOL_SIZE) as tortoise:
                yield tortoise
        case _:
            await make_one_call_tables(dsn)
            async with open_one_call_rival(dsn, tenant_id, POOL_SIZE) as one_call:
                yield one_call
