from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from models.database import Database
from models.tenant import Tenant
from services.ledger.writer import Writer
from tests.services.ledger.cashier import Cashier
from tests.services.ledger.known import misremembered

TenantBuilder = Callable[..., Awaitable[Tenant]]


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[Writer]:
    async with Writer(database) as writer:
        yield writer
        assert await misremembered(database, writer) == []


@pytest.fixture
async def second_writer(database: Database) -> AsyncIterator[Writer]:
    """What another process is to the first: two more lanes on the same database."""
    async with Writer(database) as writer:
        yield writer
        assert await misremembered(database, writer) == []


@pytest.fixture
async def cashier(writer: Writer, a_tenant: TenantBuilder) -> Cashier:
    return Cashier(writer, (await a_tenant()).id)


@pytest.fixture
def colleague(cashier: Cashier, second_writer: Writer) -> Cashier:
    """The same tenant's cashier in another process."""
    return cashier.beside(second_writer)
