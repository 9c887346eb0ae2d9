import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.services.live.accounts_table import AccountsTable
from tests.services.live.bus_servers import BusServer, PostgresAsBus, RedisAsBus


@pytest.fixture
def dsn(empty_dsn: str) -> str:
    """The live layer needs nothing of the product's tables."""
    return empty_dsn


@pytest.fixture(params=["postgres", "redis"])
def bus_server(request: pytest.FixtureRequest, dsn: str) -> BusServer:
    """Each server that can carry the bus, for real."""
    return PostgresAsBus(dsn) if request.param == "postgres" else RedisAsBus(request.getfixturevalue("redis_server"))


@pytest.fixture
async def accounts(dsn: str) -> AsyncIterator[AccountsTable]:
    async with AccountsTable(dsn) as table:
        yield table


@pytest.fixture(autouse=True)
async def _no_task_is_left_behind() -> AsyncIterator[None]:
    """Every background task has an owner that stops it: after a test none is left but the test's own."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0.01)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert left == set()
