"""The bus gone for good, and a database silent, refusing or far for one process: its subscribers are right soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID, uuid4

import pytest

from models.database import POOL_SIZE, Database
from models.pool import SLOT_TIMEOUT_SECONDS
from models.tenant import Tenant, TenantMode
from models.unavailable import DatabaseBusy
from services.ledger.live_reads import LiveReads
from services.ledger.live_views import BalanceView
from services.ledger.reads import LedgerReads
from services.ledger.writer import Writer
from services.live.bus import SupervisedBackend
from services.live.hub import LiveHub
from services.live.patience import PATIENCE_SECONDS_MAX
from services.live.postgres_bus import PostgresBus
from services.live.redis_bus import RedisBus
from services.price_books import PriceBooks
from tests.faults.proxy import Proxy
from tests.redis_server import a_free_port
from tests.services.ledger.cashier import Cashier, held
from tests.services.live.display import HEALED_WITHIN_SECONDS, Display

NOISE_SECONDS = 3.0
"""How much later than promised something may come on a busy machine."""

CHANGES = 3
LOST_SECONDS = 9.0


@dataclass(frozen=True, slots=True)
class Process:
    """The ledger and the live layer of one server process."""

    database: Database
    cashier: Cashier
    reads: LedgerReads
    hub: LiveHub


@asynccontextmanager
async def a_process(dsn: str, tenant_id: UUID, backend: SupervisedBackend) -> AsyncIterator[Process]:
    async with await Database.open(dsn) as database:
        writer = Writer(database, announce=lambda committed: hub.changed(*live_reads.announcement(committed)))
        reads = LedgerReads(database, writer, PriceBooks(database))
        live_reads = LiveReads(database, reads)
        hub = LiveHub(live_reads, backend)
        async with hub, writer:
            yield Process(database, Cashier(writer, tenant_id), reads, hub)


@pytest.fixture
async def tenant_id(database: Database) -> UUID:
    async with database.administration():
        tenant = await Tenant.create(
            id=uuid4(), slug=f"t-{uuid4().hex}", name="T", mode=TenantMode.TEST, created_at=datetime.now(UTC)
        )
    return tenant.id


async def change(process: Process, account: UUID) -> int:
    return held(await process.cashier.reserve(account, 1)).balance.version


@pytest.mark.parametrize("carrier", ["postgres", "redis"])
async def test_with_the_bus_away_from_the_start_and_for_good_balances_are_right_in_time(
    dsn: str, tenant_id: UUID, carrier: str
) -> None:
    nowhere = a_free_port()

    def a_bus() -> SupervisedBackend:
        if carrier == "redis":
            return RedisBus(f"redis://127.0.0.1:{nowhere}", "1-1")
        return PostgresBus(f"postgresql://nobody@127.0.0.1:{nowhere}/none")

    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(a_process(dsn, tenant_id, a_bus())) for _ in range(2)]
        account = await here.cashier.open(tokens=100)
        displays = [
            await stack.enter_async_context(Display(process.hub, account, tenant_id=tenant_id, view=BalanceView()))
            for process in (here, there)
        ]
        for number in range(CHANGES):
            version = await change((here, there)[number % 2], account)
            for display in displays:
                await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS + NOISE_SECONDS)
        assert not here.hub.bus_connected
        assert not there.hub.bus_connected
    for display in displays:
        display.assert_strictly_rising()


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    async with Proxy(dsn) as proxy:
        yield proxy


@asynccontextmanager
async def watched_from_afar(dsn: str, tenant_id: UUID, proxy: Proxy) -> AsyncIterator[tuple[Process, UUID, Display]]:
    """A process that commits, and the display of one that is at the far end of the proxy with database and bus."""
    async with (
        a_process(dsn, tenant_id, PostgresBus(dsn)) as near,
        a_process(proxy.dsn, tenant_id, PostgresBus(proxy.dsn)) as far,
    ):
        account = await near.cashier.open(tokens=100)
        async with Display(far.hub, account, tenant_id=tenant_id, view=BalanceView()) as display:
            version = await change(near, account)
            await display.shows(version)
            yield near, account, display
    display.assert_strictly_rising()


async def test_where_every_connection_falls_silent_the_next_change_is_shown_in_time(
    dsn: str, tenant_id: UUID, proxy: Proxy
) -> None:
    async with watched_from_afar(dsn, tenant_id, proxy) as (near, account, display):
        for _ in range(2):
            proxy.fall_silent()
            version = await change(near, account)
            await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS + NOISE_SECONDS)


async def test_where_nothing_came_through_for_long_nobody_waits_for_what_was_lost(
    dsn: str, tenant_id: UUID, proxy: Proxy
) -> None:
    """By then what is asked is given many seconds, in case the database is only far."""
    async with watched_from_afar(dsn, tenant_id, proxy) as (near, account, display):
        proxy.loses_all = True
        version = await change(near, account)
        # Given up after 1, 2 and 4 seconds; what is asked then is given eight.
        await asyncio.sleep(LOST_SECONDS)
        assert display.versions[-1] < version
        proxy.fall_silent()
        await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS)


async def test_a_database_that_refused_for_a_while_is_right_in_time_when_it_is_back(
    dsn: str, tenant_id: UUID, proxy: Proxy
) -> None:
    async with watched_from_afar(dsn, tenant_id, proxy) as (near, account, display):
        proxy.refuse()
        version = await change(near, account)
        await asyncio.sleep(2)
        assert display.versions[-1] < version
        await proxy.listen()
        await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS + NOISE_SECONDS)


async def test_an_exhausted_pool_refuses_reads_at_once_and_holds_up_neither_charges_nor_what_is_shown_afterwards(
    dsn: str, tenant_id: UUID
) -> None:
    async with a_process(dsn, tenant_id, PostgresBus(dsn)) as process:
        account = await process.cashier.open(tokens=100)
        async with Display(process.hub, account, tenant_id=tenant_id, view=BalanceView()) as display:
            await display.shows(await change(process, account))
            async with AsyncExitStack() as borrowed:
                for _ in range(POOL_SIZE):
                    await borrowed.enter_async_context(process.database.reader(tenant_id))
                begun_at_seconds = monotonic()
                asked = [process.reads.balance(tenant_id, account) for _ in range(50)]
                answers = await asyncio.gather(*asked, return_exceptions=True)
                assert {type(answer) for answer in answers} == {DatabaseBusy}
                assert monotonic() - begun_at_seconds < SLOT_TIMEOUT_SECONDS + NOISE_SECONDS
                version = await change(process, account)
            await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS + NOISE_SECONDS)
    display.assert_strictly_rising()


@pytest.mark.soak
async def test_a_database_that_is_half_a_second_away_is_waited_for(dsn: str, tenant_id: UUID, proxy: Proxy) -> None:
    async with watched_from_afar(dsn, tenant_id, proxy) as (near, account, display):
        proxy.delay_seconds = 0.25
        # What was patience enough is learnt anew.
        await display.shows(await change(near, account), within_seconds=3 * PATIENCE_SECONDS_MAX)
        for _ in range(CHANGES):
            begun_at_seconds = monotonic()
            await display.shows(await change(near, account))
            assert monotonic() - begun_at_seconds < PATIENCE_SECONDS_MAX
        proxy.delay_seconds = 0.0
