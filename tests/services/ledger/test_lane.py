"""A lane keeps serving: over poison, lost connections, busy accounts and more requests than it can bear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

import asyncpg
import pytest

from models import database as database_module
from models.database import Database
from models.unavailable import DatabaseUnreachable
from rules.ledger.commands import AdjustAccount, Refund
from rules.ledger.kinds import Mutation
from rules.ledger.outcomes import HoldEffect
from rules.ledger.state import UNLIMITED
from rules.pricing.refusals import InvalidInput
from services.ledger import lane as lane_module
from services.ledger.lane import CHAIN_SECONDS_MAX, CONFLICT_TRIES_MAX, LedgerUnavailable
from services.ledger.queue import ACCOUNT_MAX, BATCH_MAX
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.services.ledger.cashier import (
    Cashier,
    a_key,
    a_poisonous_reserve,
    a_reserve,
    held,
    move_clock,
    of_kind,
    rows_of,
    value_of,
    waits_for_a_lock,
)
from tests.services.ledger.sums import contradictions

_SESSIONS = (
    "SELECT pid, state, xact_start FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'farebox ledger'"
)
_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'farebox ledger'"
)


@pytest.fixture
async def one_lane(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Cashier]:
    """Everything in one lane, so that all that waits is one batch."""
    tenant = await a_tenant()
    async with Writer(database, lanes=1) as writer:
        yield Cashier(writer, tenant.id)


def fails_first(monkeypatch: pytest.MonkeyPatch, name: str, times: int, error: Callable[[], Exception]) -> list[Any]:
    """Lets a step of the lane's batches fail a few times before it is taken."""
    real, failed = getattr(lane_module, name), []

    async def step(*arguments: Any) -> Any:
        if len(failed) < times:
            failed.append(arguments)
            raise error()
        return await real(*arguments)

    monkeypatch.setattr(lane_module, name, step)
    return failed


async def fails_first_in_the_database(database: Database, times: int, condition: str) -> None:
    async with database.owner() as connection:
        await connection.execute("CREATE SEQUENCE attempts")
        await connection.execute("GRANT USAGE ON attempts TO PUBLIC")
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF nextval('attempts') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{condition}'; END IF; "
            "RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER refuse AFTER INSERT ON operation FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )


async def test_past_the_bound_of_its_queue_it_refuses_at_once_and_serves_the_rest(
    database: Database, one_lane: Cashier
) -> None:
    account = await one_lane.open(tokens=10_000)
    async with database.owner() as connection, connection.transaction():
        await connection.execute("SELECT FROM ledger_account WHERE account_id = $1 FOR UPDATE", account)
        in_flight = asyncio.create_task(one_lane.reserve(account, 1))
        await waits_for_a_lock(database)
        queued = [asyncio.create_task(one_lane.reserve(account, 1)) for _ in range(ACCOUNT_MAX)]
        await asyncio.sleep(0)

        started = monotonic()
        for _ in range(100):
            with pytest.raises(LedgerUnavailable):
                await one_lane.reserve(account, 1)
        assert monotonic() - started < 1.0

    outcomes = await asyncio.gather(in_flight, *queued)
    assert len(of_kind(outcomes, HoldEffect)) == ACCOUNT_MAX + 1
    held(await one_lane.reserve(account, 1))
    assert await value_of(database, "SELECT count(*) FROM hold") == ACCOUNT_MAX + 2


async def test_a_quiet_account_is_served_while_a_hot_one_has_thousands_queued(one_lane: Cashier) -> None:
    hot, quiet = await one_lane.open("hot", tokens=10_000), await one_lane.open("quiet", tokens=10)
    served = 0

    async def ride() -> None:
        nonlocal served
        await one_lane.reserve(hot, 1)
        served += 1

    riders = [asyncio.create_task(ride()) for _ in range(2_000)]
    await asyncio.sleep(0)
    held(await one_lane.reserve(quiet, 1))

    assert served <= 2 * BATCH_MAX
    await asyncio.gather(*riders)


async def test_after_poison_among_due_holds_an_account_still_has_its_order(
    database: Database, one_lane: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More is due than one batch settles, so its first half must wait for the next batch, and the second half with it.
    monkeypatch.setattr("services.ledger.batch.DUE_HOLDS_MAX", 5)
    account, other = await one_lane.open("passenger", tokens=1_000), await one_lane.open("other", tokens=10)
    await asyncio.gather(*(one_lane.hold(account, 1, ttl_seconds=60 + number) for number in range(8)))
    await move_clock(database, one_lane.tenant_id, 3_600)

    outcomes = await asyncio.gather(
        *(one_lane.reserve(account, 1 + number) for number in range(24)),
        one_lane.writer.submit(a_poisonous_reserve(one_lane.tenant_id, other)),
        return_exceptions=True,
    )

    assert isinstance(outcomes[-1], asyncpg.InvalidTextRepresentationError)
    holds = [held(outcome).hold for outcome in outcomes[:-1]]
    assert [hold.amount for hold in sorted(holds, key=lambda hold: hold.hold_id)] == list(range(1, 25))
    assert await contradictions(database) == []


async def test_it_chains_transactions_only_while_work_waits(database: Database, one_lane: Cashier) -> None:
    account = await one_lane.open(tokens=1_000_000)
    for _ in range(3):
        await asyncio.gather(*(one_lane.reserve(account, 1) for _ in range(400)))

        async def sleeps() -> bool:
            return [row["state"] for row in await rows_of(database, _SESSIONS)] == ["idle"]

        await eventually(sleeps, what="the lane's session is idle outside of any transaction")


async def test_it_reports_its_statistics_under_unbroken_load(database: Database, one_lane: Cashier) -> None:
    account = await one_lane.open(tokens=1_000_000)
    stop = asyncio.Event()

    async def ride() -> None:
        while not stop.is_set():
            await one_lane.reserve(account, 1)

    riders = [asyncio.create_task(ride()) for _ in range(16)]
    await asyncio.sleep(2 * CHAIN_SECONDS_MAX)
    # Only a plain COMMIT lets a session report what it did.
    reported = await value_of(database, "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'hold'")
    stop.set()
    await asyncio.gather(*riders)

    assert reported > 0


async def test_a_session_that_ended_while_nobody_asked_is_opened_anew(database: Database, one_lane: Cashier) -> None:
    account = await one_lane.open(tokens=10)
    await rows_of(database, _END_SESSIONS)

    assert held(await one_lane.reserve(account, 1)).replayed is False


async def test_a_session_that_ends_in_the_middle_of_a_batch_has_no_effect_that_is_not_answered(
    database: Database, one_lane: Cashier
) -> None:
    account = await one_lane.open(tokens=100)
    async with database.owner() as connection, connection.transaction():
        await connection.execute("SELECT FROM ledger_account WHERE account_id = $1 FOR UPDATE", account)
        waiting = [asyncio.create_task(one_lane.reserve(account, 1)) for _ in range(20)]
        await waits_for_a_lock(database)
        await connection.execute(_END_SESSIONS)

    outcomes = await asyncio.gather(*waiting)

    assert {held(outcome).replayed for outcome in outcomes} == {False}
    assert len({held(outcome).hold.hold_id for outcome in outcomes}) == 20
    assert await value_of(database, "SELECT count(*) FROM hold") == 20


async def test_what_was_committed_when_the_connection_was_lost_is_answered_and_not_done_again(
    database: Database, one_lane: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await one_lane.open(tokens=100)
    lost = 0

    async def commit_and_lose(self: lane_module.Lane, connection: asyncpg.Connection) -> None:
        nonlocal lost
        await connection.execute("COMMIT")
        self._chained_since = None
        if lost < 3:
            lost += 1
            raise ConnectionResetError("the answer to COMMIT was lost")

    monkeypatch.setattr(lane_module.Lane, "_end_transaction", commit_and_lose)
    outcomes = await asyncio.gather(*(one_lane.reserve(account, 1 + i, key=f"job {i}") for i in range(10)))
    monkeypatch.undo()
    again = await asyncio.gather(*(one_lane.reserve(account, 1 + i, key=f"job {i}") for i in range(10)))

    assert lost == 3
    assert [held(outcome).hold for outcome in outcomes] == [held(outcome).hold for outcome in again]
    assert await value_of(database, "SELECT count(*) FROM hold") == 10
    assert await contradictions(database) == []


@pytest.mark.parametrize(
    "error",
    [
        lambda: ConnectionResetError("reset"),
        lambda: TimeoutError(),
        lambda: asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        lambda: asyncpg.InternalClientError("the protocol is in another state"),
        lambda: asyncpg.CannotConnectNowError("starting up"),
        lambda: asyncpg.TooManyConnectionsError("no slot"),
        lambda: asyncpg.DiskFullError("no space"),
        lambda: DatabaseUnreachable("no connection"),
    ],
    ids=["reset", "time-out", "closed", "protocol", "recovering", "no slot", "disk full", "unreachable"],
)
async def test_trouble_of_the_server_is_nobodys_fault_and_is_tried_again(
    one_lane: Cashier, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    account = await one_lane.open(tokens=10)
    failed = fails_first(monkeypatch, "run_batch", 2, error)

    assert held(await one_lane.reserve(account, 1)).replayed is False
    assert len(failed) == 2


@pytest.mark.parametrize("condition", ["40P01", "40001"], ids=["deadlock", "serialization failure"])
async def test_a_conflict_with_others_is_tried_again(database: Database, one_lane: Cashier, condition: str) -> None:
    account = await one_lane.open(tokens=10)
    await fails_first_in_the_database(database, CONFLICT_TRIES_MAX - 1, condition)

    assert held(await one_lane.reserve(account, 1)).replayed is False


async def test_a_conflict_without_end_is_given_up(database: Database, one_lane: Cashier) -> None:
    account = await one_lane.open(tokens=10)
    await fails_first_in_the_database(database, CONFLICT_TRIES_MAX, "40P01")

    with pytest.raises(LedgerUnavailable):
        await one_lane.reserve(account, 1)
    held(await one_lane.reserve(account, 1))


async def test_an_announcement_that_fails_changes_no_answer(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()

    def announce(committed: object) -> None:
        raise RuntimeError("nobody is there to be told")

    async with Writer(database, announce=announce) as writer:
        cashier = Cashier(writer, tenant.id)
        account = await cashier.open(tokens=100)
        outcomes = await asyncio.gather(*(cashier.reserve(account, 1) for _ in range(20)))

    assert {held(outcome).replayed for outcome in outcomes} == {False}
    assert await value_of(database, "SELECT count(*) FROM hold") == 20


async def test_stopping_while_the_database_is_away_ends_in_time(
    database: Database, a_tenant: TenantBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await a_tenant()
    monkeypatch.setattr("services.ledger.writer.ANSWER_SECONDS_MAX", 0.5)
    async with Writer(database) as writer:
        cashier = Cashier(writer, tenant.id)
        account = await cashier.open(tokens=10)
        fails_first(monkeypatch, "run_batch", 1_000_000, lambda: ConnectionRefusedError("nobody listens"))
        asked = [asyncio.create_task(cashier.reserve(account, 1)) for _ in range(5)]
        await asyncio.sleep(0.1)
        started = monotonic()

    assert monotonic() - started < 5.0
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert len(of_kind(outcomes, LedgerUnavailable)) == 5


async def test_what_nobody_waits_for_any_more_is_not_sent_for_ever(
    one_lane: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await one_lane.open(tokens=10)
    monkeypatch.setattr("services.ledger.writer.ANSWER_SECONDS_MAX", 0.3)
    failed = fails_first(monkeypatch, "run_batch", 1_000_000, lambda: ConnectionRefusedError("nobody listens"))
    command = a_reserve(one_lane.tenant_id, account)

    started = monotonic()
    with pytest.raises(LedgerUnavailable):
        await one_lane.writer.submit(command)
    assert monotonic() - started < 5.0
    await asyncio.sleep(0.5)
    tried = len(failed)
    await asyncio.sleep(1.2)

    assert len(failed) == tried


async def test_an_account_that_another_session_keeps_locked_is_refused_alone(
    database: Database, one_lane: Cashier
) -> None:
    stuck, free = await one_lane.open("stuck", tokens=10), await one_lane.open("free", tokens=10)
    lost = await database.lane_connection()
    await lost.execute("BEGIN")
    await lost.execute("SELECT FROM ledger_account WHERE account_id = $1 FOR UPDATE", stuck)
    try:
        refused, served = await asyncio.gather(
            one_lane.writer.submit(a_reserve(one_lane.tenant_id, stuck)),
            one_lane.writer.submit(a_reserve(one_lane.tenant_id, free)),
            return_exceptions=True,
        )
        assert isinstance(refused, LedgerUnavailable), refused
        held(served)
    finally:
        lost.terminate()
    held(await one_lane.writer.submit(a_reserve(one_lane.tenant_id, stuck)))
    assert await contradictions(database) == []


async def test_a_session_that_falls_silent_in_a_transaction_is_ended_by_the_server(
    database: Database, one_lane: Cashier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LANE_IDLE_TIMEOUT", "200ms")
    account = await one_lane.open(tokens=10)
    silent = await database.lane_connection()
    await silent.execute("BEGIN")
    await silent.execute("SELECT FROM ledger_account WHERE account_id = $1 FOR UPDATE", account)
    # Nobody hangs up: the lock goes because the server gives the session up, and well within the wait for it.
    held(await one_lane.writer.submit(a_reserve(one_lane.tenant_id, account)))
    silent.terminate()


async def test_a_day_that_can_no_longer_be_counted_refuses_what_would_be_too_much(cashier: Cashier) -> None:
    account, other = await cashier.open(), await cashier.open("another", tokens=10)
    await cashier.writer.submit(AdjustAccount(cashier.tenant_id, account, credit_limit=UNLIMITED))
    much = 6 * 10**18
    hold = await cashier.hold(account, much)
    held(await cashier.commit(account, hold, much))
    refund = Refund(cashier.tenant_id, account, a_key(Mutation.REFUND), hold, None, "it was blurred", b"salt")
    held(await cashier.writer.submit(refund))
    second = await cashier.hold(account, much)

    refused, served = await asyncio.gather(cashier.commit(account, second, much), cashier.reserve(other, 1))

    assert isinstance(refused, InvalidInput), refused
    assert "day" in refused.message
    held(served)
    held(await cashier.commit(account, second, 1))


async def test_what_is_committed_is_not_tried_again_where_telling_of_it_fails(
    database: Database, a_tenant: TenantBuilder, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("nobody can be told")

    tenant = await a_tenant()
    async with Writer(database, announce=fail) as writer:
        cashier = Cashier(writer, tenant.id)
        account = await cashier.open(tokens=10)
        first, second = [held(await cashier.reserve(account, 4)) for _ in range(2)]
    assert [first.replayed, second.replayed] == [False, False]
    assert second.balance.available == 2
    assert any("could not tell" in record.message for record in caplog.records)
    assert await contradictions(database) == []
