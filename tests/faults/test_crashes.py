"""Kill -9 of the ledger's process and of Postgres, under load, again and again: what was acknowledged is there, once.

Three processes: the fare loop, which is killed; the one that keeps its answers, which is not; and Postgres.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from models.database import Database
from models.migrations import migrate
from models.tenant import Tenant, TenantMode
from models.unavailable import DatabaseUnavailable
from server.postgres.embedded import EmbeddedPostgres
from services.ledger.writer import Writer
from tests.conftest import directory_in_memory
from tests.faults.processes import (
    Answer,
    FareLoop,
    ask_again,
    lost_or_doubled,
    processes_of,
    signal_all,
)
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, value_of
from tests.services.ledger.sums import contradictions

ROUNDS_SHORT = 2
ROUNDS_LONG = 40
RECOVERY_SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # What dies is processes: what they wrote outlives them in memory as it does in the cache of a disk.
    with directory_in_memory() as in_memory:
        yield in_memory or tmp_path_factory.mktemp("durable")


@pytest.fixture(scope="module")
def durable_dsn(data_dir: Path) -> Iterator[str]:
    """A Postgres as it serves the public: it keeps what it acknowledged."""
    with EmbeddedPostgres(data_dir, durable=True) as embedded:
        asyncio.run(migrate(embedded.dsn))
        yield embedded.dsn


@pytest.fixture
async def database(durable_dsn: str) -> AsyncIterator[Database]:
    async with await Database.open(durable_dsn) as opened:
        yield opened


@pytest.fixture
async def cashier(database: Database) -> AsyncIterator[Cashier]:
    async with database.administration():
        tenant = await Tenant.create(
            id=uuid4(), slug=f"t-{uuid4().hex}", name="T", mode=TenantMode.TEST, created_at=datetime.now(UTC)
        )
    async with Writer(database) as writer:
        yield Cashier(writer, tenant.id)


async def recovered(database: Database) -> None:
    """Returns when Postgres answers again."""

    async def answers() -> bool:
        try:
            return await value_of(database, "SELECT 1") == 1
        except (DatabaseUnavailable, OSError):
            return False

    await eventually(answers, within_seconds=RECOVERY_SECONDS_MAX, what="Postgres answers again")


async def more_answers(loop: FareLoop, number: int) -> None:
    known = len(loop.answers)
    await eventually(lambda: len(loop.answers) >= known + number or not loop.runs, within_seconds=RECOVERY_SECONDS_MAX)
    assert loop.runs, loop.complaints


async def everything_acknowledged_is_there(
    database: Database, cashier: Cashier, answers: list[Answer], random: Random
) -> None:
    assert await value_of(database, "SHOW fsync") == "on"
    assert await lost_or_doubled(database, answers) == []
    # The last answers of each process, and some of all the others.
    last = set(answers[-64:])
    again = await ask_again(
        database, cashier.writer, cashier.tenant_id, answers, lambda answer: answer in last or random.random() < 0.05
    )
    assert again == []
    assert await contradictions(database) == []


async def kill_the_ledger(database: Database, dsn: str, cashier: Cashier, log: Path, rounds: int) -> None:
    random, answers = Random(rounds), list[Answer]()
    accounts = [await cashier.open(f"passenger {number}", tokens=10**12) for number in range(3)]
    for _ in range(rounds):
        with FareLoop(log, dsn, cashier.tenant_id, accounts) as loop:
            await more_answers(loop, 100 + random.randrange(200))
            killed = loop.kill()
        answers += killed
        await everything_acknowledged_is_there(database, cashier, answers, random)
        # The same keys from the start: what took effect before the kill, answered or not, is not done again.
        with FareLoop(log, dsn, cashier.tenant_id, accounts, name=loop.name) as successor:
            await more_answers(successor, len(killed))
            answers += successor.kill()
        await everything_acknowledged_is_there(database, cashier, answers, random)
    assert any(answer.replayed for answer in answers)


async def kill_postgres(
    database: Database, dsn: str, cashier: Cashier, log: Path, data_dir: Path, rounds: int, *, children: bool
) -> None:
    random = Random(rounds)
    accounts = [await cashier.open(f"passenger {number}", tokens=10**12) for number in range(3)]
    with FareLoop(log, dsn, cashier.tenant_id, accounts) as loop:
        for _ in range(rounds):
            await more_answers(loop, 100 + random.randrange(200))
            processes = processes_of(data_dir)
            signal_all(processes if children else processes[:1], signal.SIGKILL)
            await recovered(database)
            await more_answers(loop, 50)
            await everything_acknowledged_is_there(database, cashier, loop.answers, random)
        answers = loop.kill()
    await everything_acknowledged_is_there(database, cashier, answers, random)


async def kill_both(database: Database, dsn: str, cashier: Cashier, log: Path, data_dir: Path, rounds: int) -> None:
    random, answers = Random(rounds), list[Answer]()
    accounts = [await cashier.open(f"passenger {number}", tokens=10**12) for number in range(3)]
    for _ in range(rounds):
        with FareLoop(log, dsn, cashier.tenant_id, accounts) as loop:
            await more_answers(loop, 100 + random.randrange(200))
            # Nobody is left who could ask again: what was answered must have been written.
            signal_all([*processes_of(data_dir), loop.process_id], signal.SIGKILL)
            answers += loop.kill()
        await recovered(database)
        await everything_acknowledged_is_there(database, cashier, answers, random)


async def test_kill_of_the_ledger_under_load_loses_and_doubles_nothing(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path
) -> None:
    await kill_the_ledger(database, durable_dsn, cashier, tmp_path, ROUNDS_SHORT)


async def test_kill_of_postgres_under_load_loses_and_doubles_nothing(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path, data_dir: Path
) -> None:
    await kill_postgres(database, durable_dsn, cashier, tmp_path, data_dir, ROUNDS_SHORT, children=True)


async def test_kill_of_both_at_once_under_load_loses_and_doubles_nothing(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path, data_dir: Path
) -> None:
    await kill_both(database, durable_dsn, cashier, tmp_path, data_dir, ROUNDS_SHORT)


@pytest.mark.soak
async def test_the_ledger_is_killed_again_and_again(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path
) -> None:
    await kill_the_ledger(database, durable_dsn, cashier, tmp_path, ROUNDS_LONG)


@pytest.mark.soak
async def test_postgres_is_killed_again_and_again(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path, data_dir: Path
) -> None:
    await kill_postgres(database, durable_dsn, cashier, tmp_path, data_dir, ROUNDS_LONG, children=True)


@pytest.mark.soak
async def test_the_main_process_of_postgres_alone_is_killed_again_and_again(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path, data_dir: Path
) -> None:
    await kill_postgres(database, durable_dsn, cashier, tmp_path, data_dir, ROUNDS_LONG, children=False)


@pytest.mark.soak
async def test_both_are_killed_at_once_again_and_again(
    database: Database, durable_dsn: str, cashier: Cashier, tmp_path: Path, data_dir: Path
) -> None:
    await kill_both(database, durable_dsn, cashier, tmp_path, data_dir, ROUNDS_LONG)
