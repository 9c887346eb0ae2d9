import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from services.live.bus import SupervisedBackend
from services.live.hub import LiveHub
from services.live.postgres_bus import PostgresBus
from tests.patience import PATIENCE_SECONDS, eventually
from tests.redis_server import RedisServer
from tests.services.live.accounts_table import STATE, AccountsTable
from tests.services.live.bus_servers import BusServer, RedisAsBus
from tests.services.live.cable import Cable
from tests.services.live.carrier import Carrier
from tests.services.live.display import HEALED_WITHIN_SECONDS, Display
from tests.services.live.disturbed import Disturbed


@asynccontextmanager
async def a_hub(
    accounts: AccountsTable, backend: SupervisedBackend | None, *, healing_seconds: float | None = None
) -> AsyncIterator[LiveHub]:
    async with LiveHub(accounts, backend, healing_seconds=healing_seconds) as hub:
        await eventually(lambda: backend is None or hub.bus_connected)
        yield hub


async def commit(accounts: AccountsTable, hub: LiveHub, account: UUID) -> int:
    version = await accounts.commit(account)
    hub.changed(account, version)
    return version


async def test_with_healing_off_the_bus_alone_carries_a_commit_to_another_process(
    accounts: AccountsTable, bus_server: BusServer
) -> None:
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, bus_server.bus()) as here,
        a_hub(accounts, bus_server.bus()) as there,
        Display(there, account) as display,
    ):
        await display.shows(1)
        await asyncio.sleep(0.3)
        compared = accounts.comparisons
        for _ in range(3):
            await display.shows(await commit(accounts, here, account))
        assert accounts.comparisons == compared


async def test_with_the_bus_off_healing_alone_brings_a_commit_of_another_process(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, None) as here,
        a_hub(accounts, None, healing_seconds=1) as there,
        Display(there, account) as display,
    ):
        await display.shows(1)
        for _ in range(3):
            await display.shows(await commit(accounts, here, account), within_seconds=HEALED_WITHIN_SECONDS)


async def test_a_commit_is_shown_here_without_bus_and_without_healing(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with a_hub(accounts, None) as hub, Display(hub, account) as display:
        await display.shows(1)
        await display.shows(await commit(accounts, hub, account))


async def test_another_operating_system_process_is_heard(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    program = """
import asyncio, sys
from uuid import UUID
from services.live.announcer import Announcer
from services.live.bus import Bus
from services.live.postgres_bus import PostgresBus

async def announce(dsn, account, version):
    async with Bus(PostgresBus(dsn), lambda message: None) as bus:
        while not bus.connected:
            await asyncio.sleep(0.01)
        async with Announcer(lambda *told: None, bus.publish) as announcer:
            announcer.changed(UUID(account), int(version))

asyncio.run(announce(*sys.argv[1:]))
"""
    async with a_hub(accounts, PostgresBus(accounts.dsn)) as hub, Display(hub, account) as display:
        await display.shows(1)
        await asyncio.sleep(0.3)
        version = await accounts.commit(account)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, accounts.dsn, str(account), str(version), cwd=Path(__file__).parents[3]
        )
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
        await display.shows(version)


@pytest.mark.parametrize("purpose", ["bus listener", "bus publisher"])
async def test_killing_a_bus_connection_under_traffic_is_right_again_within_three_seconds_by_the_bus_alone(
    accounts: AccountsTable, bus_server: BusServer, purpose: str
) -> None:
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, bus_server.bus()) as here,
        a_hub(accounts, bus_server.bus()) as there,
        Display(there, account) as display,
    ):
        await display.shows(1)
        for number in range(150):
            version = await commit(accounts, here, account)
            if number % 40 == 20:
                await bus_server.kill(purpose)
            await asyncio.sleep(0.005)
        await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS)

    display.assert_strictly_rising()


@pytest.mark.parametrize("healing_seconds", [None, 1], ids=["bus alone", "with healing"])
async def test_restarting_redis_under_traffic_is_right_again_within_three_seconds(
    accounts: AccountsTable, redis_server: RedisServer, healing_seconds: float | None
) -> None:
    account, bus_server = await accounts.open(version=1), RedisAsBus(redis_server)
    async with (
        a_hub(accounts, bus_server.bus(), healing_seconds=healing_seconds) as here,
        a_hub(accounts, bus_server.bus(), healing_seconds=healing_seconds) as there,
        Display(there, account) as display,
    ):
        await display.shows(1)
        for number in range(120):
            version = await commit(accounts, here, account)
            if number in (30, 90):
                redis_server.end()
            if number == 60:
                redis_server.start()
            await asyncio.sleep(0.005)
        if healing_seconds is None:
            redis_server.start()
        # With healing it needs no Redis for that.
        await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS)

    display.assert_strictly_rising()


@pytest.mark.parametrize(
    ("lost_share", "healing_seconds"), [(0.0, None), (0.8, 1)], ids=["none lost, bus alone", "most lost, with healing"]
)
async def test_what_a_real_carrier_doubles_delays_reorders_and_loses_is_right_within_three_seconds(
    accounts: AccountsTable, bus_server: BusServer, lost_share: float, healing_seconds: float | None
) -> None:
    account = await accounts.open(version=1)
    disturbed = Disturbed(bus_server.bus(), lost_share=lost_share, doubled_share=0.5, delay_seconds_max=0.3)
    async with (
        a_hub(accounts, bus_server.bus(), healing_seconds=healing_seconds) as here,
        a_hub(accounts, disturbed, healing_seconds=healing_seconds) as there,
        Display(there, account) as display,
    ):
        await display.shows(1)
        for _ in range(100):
            version = await commit(accounts, here, account)
            await asyncio.sleep(0.005)
        await display.shows(version, within_seconds=HEALED_WITHIN_SECONDS)
        # What is still under way changes nothing any more.
        await asyncio.sleep(0.3)

    assert disturbed.doubled > 0
    assert (disturbed.lost > 0) == (lost_share > 0)
    assert display.versions[-1] == version
    display.assert_strictly_rising()


async def test_a_database_that_comes_back_is_right_again_within_three_seconds(accounts: AccountsTable) -> None:
    """The bus and the reads of the watching process are cut off together, while others go on to commit."""
    account = await accounts.open(version=1)
    async with Cable(accounts.dsn) as cable:
        pool = accounts.pool
        async with (
            asyncpg.create_pool(cable.address, min_size=1, max_size=5) as pool_over_cable,
            a_hub(accounts, PostgresBus(cable.address), healing_seconds=1) as hub,
            Display(hub, account) as display,
        ):
            await display.shows(1)
            accounts.pool = pool_over_cable
            cable.unplug()
            await pool.execute(accounts._sql("UPDATE {table} SET version = 50, as_of = clock_timestamp()"))
            hub.changed(account, 50)
            await asyncio.sleep(2)
            assert display.versions == [1]
            cable.plug_in()
            await display.shows(50, within_seconds=HEALED_WITHIN_SECONDS)
            accounts.pool = pool


@pytest.mark.parametrize("healing_seconds", [None, 1], ids=["without healing", "with healing"])
async def test_doubled_and_reordered_messages_never_go_backwards(
    accounts: AccountsTable, healing_seconds: float | None
) -> None:
    carrier = Carrier()
    carrier.doubled_share = 0.5
    carrier.delay_seconds_max = 0.3
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, carrier.end(), healing_seconds=healing_seconds) as here,
        a_hub(accounts, carrier.end(), healing_seconds=healing_seconds) as there,
        Display(there, account) as display,
    ):
        for _ in range(200):
            version = await commit(accounts, here, account)
            await asyncio.sleep(0.003)
        await display.shows(version)
        await asyncio.sleep(0.4)

    assert display.versions[-1] == version
    display.assert_strictly_rising()


async def test_dropped_messages_are_healed_within_three_seconds(accounts: AccountsTable) -> None:
    carrier = Carrier()
    carrier.lost_share = 0.9
    opened = [await accounts.open(version=1) for _ in range(10)]
    async with (
        a_hub(accounts, carrier.end(), healing_seconds=1) as here,
        a_hub(accounts, carrier.end(), healing_seconds=1) as there,
    ):
        displays = [Display(there, account) for account in opened]
        for display in displays:
            await display.__aenter__()
        for _ in range(20):
            versions = [await commit(accounts, here, account) for account in opened]
        async with asyncio.timeout(HEALED_WITHIN_SECONDS):
            for display, version in zip(displays, versions, strict=True):
                await display.shows(version)
        for display in displays:
            await display.__aexit__()
            display.assert_strictly_rising()


async def test_a_stalled_subscriber_holds_up_nobody_and_sees_the_last_state_when_it_reads(
    accounts: AccountsTable,
) -> None:
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, PostgresBus(accounts.dsn), healing_seconds=1) as hub,
        hub.watch(UUID(int=1), account, STATE) as stalled,
        Display(hub, account) as display,
    ):
        assert (await anext(stalled)).version == 1
        for _ in range(100):
            version = await commit(accounts, hub, account)
        await display.shows(version)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await anext(stalled)).version == version


async def test_ending_the_subscriptions_leaves_announcing_to_others(accounts: AccountsTable) -> None:
    account = await accounts.open(version=1)
    async with (
        a_hub(accounts, PostgresBus(accounts.dsn)) as here,
        a_hub(accounts, PostgresBus(accounts.dsn)) as there,
        Display(here, account) as ended,
        Display(there, account) as display,
    ):
        await ended.shows(1)
        await display.shows(1)
        await here.end_subscriptions()
        await eventually(lambda: ended.ended)
        await display.shows(await commit(accounts, here, account))


async def test_a_hub_starts_and_stops_while_the_database_is_away(accounts: AccountsTable) -> None:
    async with Cable(accounts.dsn) as cable:
        cable.unplug()
        async with asyncio.timeout(10):
            async with LiveHub(accounts, PostgresBus(cable.address)) as hub:
                hub.changed(UUID(int=7), 1)
                assert not hub.bus_connected
