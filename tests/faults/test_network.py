"""Sessions that are ended, a Postgres that stands still, is far away, silent or gone: bounded answers, once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from uuid import UUID, uuid4

import pytest

from models.database import Database
from models.migrations import migrate
from models.tenant import Tenant, TenantMode
from rules.ledger.outcomes import HoldEffect
from server.postgres.embedded import EmbeddedPostgres
from services.ledger import writer as writer_module
from services.ledger.lane import LedgerUnavailable
from services.ledger.queue import ACCOUNT_MAX
from services.ledger.writer import ANSWER_SECONDS_MAX, Writer
from tests.faults.fare_loop import reserved_amount, the_commit, the_reserve
from tests.faults.processes import processes_of, signal_all
from tests.faults.proxy import Proxy
from tests.patience import eventually
from tests.services.ledger.cashier import (
    Cashier,
    held,
    of_kind,
    rows_of,
    value_of,
)
from tests.services.ledger.sums import contradictions

STORM_SECONDS = 4.0
STORM_SECONDS_MAX = 40.0
"""For a machine that has little time for us: a storm over too few fares proves nothing."""
FARES_MIN = 200
CUTS = 40
NOISE_SECONDS = 3.0
"""How much later than promised an answer may come on a busy machine."""

SHORT_ANSWER_SECONDS = 1.0
"""Instead of `ANSWER_SECONDS_MAX`, so that the tests need not wait for it."""


@pytest.fixture
async def tenant_id(database: Database) -> UUID:
    return await a_tenant_id(database)


async def a_tenant_id(database: Database) -> UUID:
    async with database.administration():
        tenant = await Tenant.create(
            id=uuid4(), slug=f"t-{uuid4().hex}", name="T", mode=TenantMode.TEST, created_at=datetime.now(UTC)
        )
    return tenant.id


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter bounds than those in force, in the same order."""
    monkeypatch.setattr(writer_module, "ANSWER_SECONDS_MAX", SHORT_ANSWER_SECONDS)
    monkeypatch.setattr("models.database.LANE_COMMAND_TIMEOUT_SECONDS", 2 * SHORT_ANSWER_SECONDS)
    monkeypatch.setattr("models.pool.CONNECT_TIMEOUT_SECONDS", 2 * SHORT_ANSWER_SECONDS)
    monkeypatch.setattr("models.pool.CLOSE_TIMEOUT_SECONDS", 0.5)


@pytest.fixture
async def proxy(dsn: str) -> AsyncIterator[Proxy]:
    async with Proxy(dsn) as proxy:
        yield proxy


@asynccontextmanager
async def writer_by_way_of(proxy: Proxy) -> AsyncIterator[Writer]:
    async with await Database.open(proxy.dsn) as far, Writer(far) as writer:
        yield writer


async def persist(cashier: Cashier, account: UUID, key: str, answers: list[float] | None = None) -> HoldEffect:
    """Asks under one key until there is an answer; notes how long each asking took."""
    while True:
        started = monotonic()
        try:
            return held(await cashier.reserve(account, 1, key=key))
        except LedgerUnavailable:
            continue
        finally:
            if answers is not None:
                answers.append(monotonic() - started)


async def test_a_storm_of_ended_sessions_loses_doubles_and_leaks_nothing(database: Database, tenant_id: UUID) -> None:
    random, stop = Random(5), asyncio.Event()
    acknowledged: dict[tuple[str, str], list[HoldEffect]] = {}
    storms = 0

    async def ask(writer: Writer, command: object) -> HoldEffect:
        while True:
            try:
                return held(await writer.submit(command))
            except LedgerUnavailable:
                continue

    async def ride(writer: Writer, account: UUID, key: str) -> None:
        reserve = the_reserve(tenant_id, account, key)
        first = await ask(writer, reserve)
        acknowledged.setdefault(("reserve", key), []).append(first)
        commit = the_commit(tenant_id, account, key, first.hold.hold_id)
        acknowledged.setdefault(("commit", key), []).append(await ask(writer, commit))

    async def call(writer: Writer, caller: int, accounts: list[UUID]) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            # Two callers share each key.
            await ride(writer, accounts[number % len(accounts)], f"{caller // 2}-{number}")

    async def storm() -> None:
        nonlocal storms
        began = monotonic()
        while (lasted := monotonic() - began) < STORM_SECONDS or (
            len(acknowledged) <= FARES_MIN and lasted < STORM_SECONDS_MAX
        ):
            async with database.owner() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND application_name = 'farebox ledger' AND random() < 0.7"
                )
            storms += 1
            await asyncio.sleep(random.uniform(0.01, 0.12))
        stop.set()

    async with Writer(database) as one, Writer(database) as two:
        cashier = Cashier(one, tenant_id)
        accounts = [await cashier.open(f"passenger {number}", tokens=1_000_000) for number in range(5)]
        callers = [asyncio.create_task(call([one, two][caller % 2], caller, accounts)) for caller in range(24)]
        await storm()
        # Nobody is stuck: each comes to the end of its last ride.
        await asyncio.wait_for(asyncio.gather(*callers), 2 * ANSWER_SECONDS_MAX)

    assert storms > 10
    assert len(acknowledged) > FARES_MIN
    operations = {
        (row["mutation"], row["key"]): (row["hold_id"], row["amount"])
        for row in await rows_of(database, "SELECT * FROM operation WHERE hold_id IS NOT NULL")
    }
    for name, effects in acknowledged.items():
        assert {(effect.hold.hold_id, effect.amount) for effect in effects} == {operations[name]}
        assert sum(not effect.replayed for effect in effects) <= 1
    assert set(acknowledged) == set(operations)
    spent = sum(reserved_amount(key) - 1 for mutation, key in operations if mutation == "commit")
    assert await value_of(database, "SELECT sum(total) FROM ledger_account") == 5_000_000 - spent
    assert await contradictions(database) == []

    async def nothing_leaks() -> bool:
        return not await value_of(
            database,
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'farebox ledger'",
        )

    await eventually(nothing_leaks, what="the ledger's sessions are closed")


@pytest.mark.usefixtures("quickly")
async def test_a_database_that_refuses_connections_gives_bounded_refusals_and_then_answers(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        account = await cashier.open(tokens=100)
        proxy.refuse()

        started = monotonic()
        outcomes = await asyncio.gather(
            *(cashier.reserve(account, 1, key=f"job {i}") for i in range(20)), return_exceptions=True
        )
        assert len(of_kind(outcomes, LedgerUnavailable)) == 20
        assert monotonic() - started < SHORT_ANSWER_SECONDS + NOISE_SECONDS

        await proxy.listen()
        answers = await asyncio.gather(*(persist(cashier, account, f"job {i}") for i in range(20)))

    assert len({answer.hold.hold_id for answer in answers}) == 20
    assert await value_of(database, "SELECT count(*) FROM hold") == 20
    assert await contradictions(database) == []


@pytest.mark.usefixtures("quickly")
async def test_a_connection_that_falls_silent_is_given_up_in_time_and_nothing_is_done_twice(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        accounts = [await cashier.open(f"passenger {number}", tokens=100) for number in range(4)]
        waits: list[float] = []
        proxy.fall_silent()
        answers = await asyncio.gather(
            *(persist(cashier, account, f"job {i}", waits) for i in range(5) for account in accounts)
        )
        assert len({(answer.balance.account_id, answer.hold.hold_id) for answer in answers}) == 20

    assert max(waits) < SHORT_ANSWER_SECONDS + NOISE_SECONDS
    assert await value_of(database, "SELECT count(*) FROM hold") == 20
    assert await contradictions(database) == []


@pytest.mark.usefixtures("quickly")
async def test_a_connection_that_is_cut_at_any_moment_does_nothing_twice(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    random = Random(2)

    async def cut_now_and_then() -> None:
        for _ in range(CUTS):
            await asyncio.sleep(random.uniform(0.0, 0.1))
            proxy.cut()

    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        account = await cashier.open(tokens=100_000)
        cutting = asyncio.create_task(cut_now_and_then())

        async def call(caller: int) -> None:
            for number in range(8):
                first = await persist(cashier, account, f"{caller}-{number}")
                again = await persist(cashier, account, f"{caller}-{number}")
                assert again.replayed
                assert again.hold == first.hold

        await asyncio.wait_for(asyncio.gather(cutting, *(call(caller) for caller in range(8))), 60.0)

    assert await value_of(database, "SELECT count(*) FROM hold") == 64
    assert await contradictions(database) == []


async def test_a_database_half_a_second_away_answers_in_time_or_refuses_in_time(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        account = await Cashier(writer, tenant_id).open(tokens=100)
        proxy.delay_seconds = 0.5
        waits: list[float] = []

        answers = await asyncio.gather(*(persist(cashier, account, f"job {i % 5}", waits) for i in range(15)))
        proxy.delay_seconds = 0.0

    assert max(waits) < ANSWER_SECONDS_MAX + NOISE_SECONDS
    assert len({answer.hold.hold_id for answer in answers}) == 5
    assert sum(not answer.replayed for answer in answers) == 5
    assert await value_of(database, "SELECT count(*) FROM hold") == 5


@pytest.mark.soak
async def test_a_new_connection_half_a_second_away_also_comes_to_an_answer(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        account = await Cashier(writer, tenant_id).open(tokens=100)
        proxy.delay_seconds = 0.5
        proxy.cut()
        waits: list[float] = []

        answers = await asyncio.gather(*(persist(cashier, account, f"job {i % 5}", waits) for i in range(15)))
        proxy.delay_seconds = 0.0

    assert max(waits) < ANSWER_SECONDS_MAX + NOISE_SECONDS
    assert len({answer.hold.hold_id for answer in answers}) == 5
    assert await value_of(database, "SELECT count(*) FROM hold") == 5


@pytest.fixture(scope="module")
def own_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("halting")


@pytest.fixture(scope="module")
def own_dsn(own_data_dir: Path) -> Iterator[str]:
    """A Postgres for this module alone, which may be stopped in its tracks."""
    with EmbeddedPostgres(own_data_dir, durable=False) as embedded:
        asyncio.run(migrate(embedded.dsn))
        yield embedded.dsn


@pytest.mark.usefixtures("quickly")
async def test_a_database_that_stands_still_gives_bounded_refusals_and_then_answers(
    own_dsn: str, own_data_dir: Path
) -> None:
    async with await Database.open(own_dsn) as database, Writer(database) as writer:
        cashier = Cashier(writer, await a_tenant_id(database))
        account = await cashier.open(tokens=100)
        processes = processes_of(own_data_dir)
        signal_all(processes, signal.SIGSTOP)
        try:
            waits: list[float] = []

            async def ask(key: str) -> object:
                started = monotonic()
                try:
                    return await cashier.reserve(account, 1, key=key)
                finally:
                    waits.append(monotonic() - started)

            for _ in range(2):
                outcomes = await asyncio.gather(*(ask(f"job {i}") for i in range(20)), return_exceptions=True)
                assert len(of_kind(outcomes, LedgerUnavailable)) == 20
            assert max(waits) < SHORT_ANSWER_SECONDS + NOISE_SECONDS
        finally:
            signal_all(processes, signal.SIGCONT)

        answers = await asyncio.gather(*(persist(cashier, account, f"job {i}") for i in range(20)))

        assert len({answer.hold.hold_id for answer in answers}) == 20
        assert await value_of(database, "SELECT count(*) FROM hold") == 20
        assert await contradictions(database) == []


@pytest.mark.usefixtures("quickly")
async def test_what_piles_up_while_the_database_is_away_is_bounded_and_refused_at_once(
    database: Database, tenant_id: UUID, proxy: Proxy
) -> None:
    async with writer_by_way_of(proxy) as writer:
        cashier = Cashier(writer, tenant_id)
        account = await cashier.open(tokens=100)
        proxy.refuse()
        first = asyncio.create_task(cashier.reserve(account, 1))
        await asyncio.sleep(0.05)
        asked = [asyncio.create_task(cashier.reserve(account, 1)) for _ in range(ACCOUNT_MAX + 200)]
        started = monotonic()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert sum(task.done() for task in asked) == 200
        assert monotonic() - started < NOISE_SECONDS
        outcomes = await asyncio.gather(first, *asked, return_exceptions=True)
        assert len(of_kind(outcomes, LedgerUnavailable)) == ACCOUNT_MAX + 201
