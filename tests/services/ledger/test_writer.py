"""The writer's promises, on one account under all the concurrency that a test can make."""

from __future__ import annotations

import asyncio
from random import Random
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from rules.identity import account_id_of
from rules.ledger.commands import OpenAccount, Settle
from rules.ledger.kinds import HoldState
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect
from rules.ledger.refusals import (
    HoldExpired,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    NotFound,
)
from services.ledger.known_accounts import LoadedAccount
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import Profile, Riders
from services.ledger.writer import Writer, lane_of
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

RACES = 3_000
"""Holds for which a commit, a release and their end of life compete."""


async def test_of_two_hundred_who_want_one_token_one_gets_it(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=1)

    outcomes = await asyncio.gather(*([cashier, colleague][i % 2].reserve(account) for i in range(200)))

    assert len(of_kind(outcomes, HoldEffect)) == 1
    assert of_kind(outcomes, InsufficientTokens) == [InsufficientTokens(required=1, available=0)] * 199
    assert await contradictions(database) == []


async def test_a_hundred_commits_of_one_hold_charge_once(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 10)

    outcomes = await asyncio.gather(*([cashier, colleague][i % 2].commit(account, hold, 7) for i in range(100)))

    assert [effect.amount for effect in of_kind(outcomes, HoldEffect)] == [7]
    assert of_kind(outcomes, HoldNotOpen) == [HoldNotOpen(HoldState.COMMITTED)] * 99
    settled = await cashier.writer.submit(Settle(cashier.tenant_id, account))
    assert isinstance(settled, AccountEffect)
    assert (settled.balance.total, settled.balance.held) == (93, 0)
    assert await contradictions(database) == []


async def test_the_same_key_fifty_times_has_one_effect_and_fifty_like_answers(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=100)

    reserved = await asyncio.gather(*([cashier, colleague][i % 2].reserve(account, 7, key="job 1") for i in range(50)))
    hold = held(reserved[0]).hold
    committed = await asyncio.gather(
        *([cashier, colleague][i % 2].commit(account, hold.hold_id, 5, key="job 1") for i in range(50))
    )

    assert {(held(one).hold.hold_id, held(one).hold.amount) for one in reserved} == {(hold.hold_id, 7)}
    assert {(held(one).hold.hold_id, held(one).amount) for one in committed} == {(hold.hold_id, 5)}
    for outcomes in (reserved, committed):
        assert sorted(held(one).replayed for one in outcomes) == [False] + [True] * 49
    assert await value_of(database, "SELECT count(*) FROM hold") == 1
    assert await value_of(database, "SELECT count(*) FROM entry WHERE kind = 'CAPTURE'") == 1
    assert await contradictions(database) == []


async def test_a_key_whose_first_request_still_runs_elsewhere_waits_for_its_answer(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection:
        await connection.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER dawdle BEFORE INSERT ON operation FOR EACH ROW EXECUTE FUNCTION dawdle()"
        )
        await connection.execute("SELECT pg_advisory_lock(1)")

        first = asyncio.create_task(cashier.reserve(account, 7, key="job 1"))
        await waits_for_a_lock(database, 1)
        again = [asyncio.create_task(colleague.reserve(account, 7, key="job 1")) for _ in range(10)]
        await waits_for_a_lock(database, 2)
        assert not first.done()
        assert not any(one.done() for one in again)
        await connection.execute("SELECT pg_advisory_unlock(1)")

    answer = held(await first)
    assert not answer.replayed
    for repeated in await asyncio.gather(*again):
        assert held(repeated).replayed
        assert held(repeated).hold == answer.hold
    assert await value_of(database, "SELECT count(*) FROM hold") == 1


async def test_a_key_with_another_input_is_a_conflict_also_within_one_batch(cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    one, other = a_reserve(cashier.tenant_id, account), a_reserve(cashier.tenant_id, account)
    object.__setattr__(one, "once", a_key(one.once.mutation, "job 1", asks="one thing"))
    object.__setattr__(other, "once", a_key(one.once.mutation, "job 1", asks="another"))

    outcomes = await asyncio.gather(cashier.writer.submit(one), cashier.writer.submit(other))

    assert held(outcomes[0]).replayed is False
    assert outcomes[1] == IdempotencyConflict("job 1")


async def test_a_refusal_is_not_remembered(cashier: Cashier) -> None:
    account = await cashier.open(tokens=5)
    assert isinstance(await cashier.reserve(account, 7, key="job 1"), InsufficientTokens)

    await cashier.grant(account, 5)

    assert held(await cashier.reserve(account, 7, key="job 1")).replayed is False


async def test_commit_release_and_the_end_of_life_have_one_winner_each_time(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    accounts = [await cashier.open(f"passenger {number}", tokens=10 * RACES) for number in range(8)]
    random = Random(7)
    spans = random.sample(range(100, 100 + 2 * RACES), RACES)
    names = [accounts[index % len(accounts)] for index in range(RACES)]
    holds = list(
        zip(
            names,
            await asyncio.gather(
                *(cashier.hold(account, 10, ttl_seconds=span) for account, span in zip(names, spans, strict=True))
            ),
            strict=True,
        )
    )
    random.shuffle(holds)
    judged: dict[tuple[object, int], list[object]] = {hold: [] for hold in holds}
    started = 0

    async def compete(account: object, hold_id: int) -> None:
        nonlocal started
        started += 1
        judged[account, hold_id] = await asyncio.gather(
            cashier.commit(account, hold_id, 10), colleague.release(account, hold_id)
        )

    async def let_time_pass() -> None:
        # While the races are run the clock passes every hold's last moment, some before and some after its own race.
        passed = 0
        while started < RACES:
            wanted = 100 + 2 * started
            await move_clock(database, cashier.tenant_id, wanted - passed)
            passed = wanted
        await move_clock(database, cashier.tenant_id, 100 + 2 * RACES - passed)

    async def race() -> None:
        for at in range(0, RACES, 40):
            await asyncio.gather(*(compete(*hold) for hold in holds[at : at + 40]))

    await asyncio.gather(race(), let_time_pass())
    for account in accounts:
        await cashier.writer.submit(Settle(cashier.tenant_id, account))

    ended = {
        (row["account_id"], row["hold_id"]): HoldState(row["state"])
        for row in await rows_of(database, "SELECT account_id, hold_id, state FROM hold")
    }
    for hold, (commit, release) in judged.items():
        match ended[hold]:
            case HoldState.COMMITTED:
                assert isinstance(commit, HoldEffect), hold
                assert release == HoldNotOpen(HoldState.COMMITTED)
            case HoldState.RELEASED:
                assert isinstance(release, HoldEffect), hold
                assert commit == HoldNotOpen(HoldState.RELEASED)
            case HoldState.EXPIRED:
                assert isinstance(commit, HoldExpired), hold
                assert isinstance(release, HoldExpired), hold
            case HoldState.OPEN:
                pytest.fail(f"{hold} never ended")
    assert set(ended.values()) == {HoldState.COMMITTED, HoldState.RELEASED, HoldState.EXPIRED}
    assert await contradictions(database) == []


async def test_two_writers_on_one_account_lose_nothing(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=1_000)

    async def ride(at: Cashier) -> int:
        spent = 0
        for _ in range(25):
            outcome = await at.reserve(account, 3)
            if isinstance(outcome, HoldEffect):
                spent += held(await at.commit(account, outcome.hold.hold_id, 2)).amount
        return spent

    spent = sum(await asyncio.gather(*(ride([cashier, colleague][i % 2]) for i in range(24))))

    left = await value_of(database, "SELECT total FROM ledger_account WHERE account_id = $1", account)
    assert left == 1_000 - spent
    assert left < 3
    assert await contradictions(database) == []


async def test_accounts_of_both_lanes_are_served_in_the_order_of_their_requests(
    database: Database, cashier: Cashier
) -> None:
    accounts: list[UUID] = []
    # Which lane serves an account is a matter of its id, which is chance.
    while len(accounts) < 6 or {lane_of(account, 2) for account in accounts} != {0, 1}:
        accounts.append(await cashier.open(f"passenger {len(accounts)}", tokens=1_000))

    outcomes = await asyncio.gather(
        *(cashier.reserve(account, amount) for amount in range(1, 41) for account in accounts)
    )

    for account in accounts:
        holds = [held(one).hold for one in outcomes if held(one).balance.account_id == account]
        assert [hold.amount for hold in holds] == sorted(hold.amount for hold in holds)
        assert [hold.hold_id for hold in holds] == sorted(hold.hold_id for hold in holds)
    assert await contradictions(database) == []


async def test_whoever_goes_away_cancels_nothing(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection, connection.transaction():
        await connection.execute("SELECT FROM ledger_account WHERE account_id = $1 FOR UPDATE", account)
        impatient = [asyncio.create_task(cashier.reserve(account, 1, key=f"gone {i}")) for i in range(5)]
        patient = [asyncio.create_task(cashier.reserve(account, 1)) for _ in range(5)]
        await waits_for_a_lock(database)
        for task in impatient:
            task.cancel()
        await asyncio.gather(*impatient, return_exceptions=True)

    assert all(isinstance(one, HoldEffect) for one in await asyncio.gather(*patient))
    assert await value_of(database, "SELECT count(*) FROM hold") == 10
    assert held(await cashier.reserve(account, 1, key="gone 3")).replayed
    assert await contradictions(database) == []


async def test_an_answer_comes_after_the_commit_never_before(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection:
        # A deferred trigger runs within COMMIT.
        await connection.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON operation DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION dawdle()"
        )
        await connection.execute("SELECT pg_advisory_lock(1)")
        reserved = asyncio.create_task(cashier.reserve(account, 1))
        await waits_for_a_lock(database)
        await asyncio.sleep(0.05)
        assert not reserved.done()
        assert await value_of(database, "SELECT count(*) FROM hold") == 0
        await connection.execute("SELECT pg_advisory_unlock(1)")

    held(await reserved)
    assert await value_of(database, "SELECT count(*) FROM hold") == 1


async def test_a_batch_that_the_commit_refuses_has_no_effect_and_no_answer(
    database: Database, cashier: Cashier
) -> None:
    account = await cashier.open(tokens=100)
    async with database.owner() as connection:
        await connection.execute(
            "CREATE FUNCTION refuse_at_the_end() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.key = 'doomed' THEN RAISE EXCEPTION 'refused at COMMIT'; END IF; RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE CONSTRAINT TRIGGER refuse_at_the_end AFTER INSERT ON operation DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION refuse_at_the_end()"
        )

    outcomes = await asyncio.gather(
        cashier.reserve(account, 1),
        cashier.reserve(account, 2, key="doomed"),
        cashier.reserve(account, 3),
        return_exceptions=True,
    )

    assert [held(outcomes[0]).hold.amount, held(outcomes[2]).hold.amount] == [1, 3]
    assert isinstance(outcomes[1], asyncpg.RaiseError)
    assert await value_of(database, "SELECT sum(amount) FROM hold") == 4
    assert await contradictions(database) == []


async def test_a_poisonous_command_fails_alone_and_the_others_keep_their_order(
    database: Database, cashier: Cashier
) -> None:
    accounts = [await cashier.open(f"passenger {number}", tokens=1_000) for number in range(4)]
    commands = [
        a_poisonous_reserve(cashier.tenant_id, account)
        if (number, account) in {(3, accounts[0]), (11, accounts[2]), (12, accounts[2])}
        else a_reserve(cashier.tenant_id, account, 1 + number)
        for number in range(30)
        for account in accounts
    ]

    outcomes = await asyncio.gather(*map(cashier.writer.submit, commands), return_exceptions=True)

    for account in accounts:
        mine = [outcomes[index] for index, command in enumerate(commands) if command.account_id == account]
        amounts = [one.hold.amount for one in mine if isinstance(one, HoldEffect)]
        ids = [one.hold.hold_id for one in mine if isinstance(one, HoldEffect)]
        assert amounts == sorted(amounts)
        assert ids == sorted(ids)
    assert len(of_kind(outcomes, HoldEffect)) == len(commands) - 3
    assert len(of_kind(outcomes, asyncpg.InvalidTextRepresentationError)) == 3
    assert await contradictions(database) == []


@pytest.mark.parametrize(
    "poison",
    [
        {"key": "a NUL \x00 in the key"},
        {"project": "half a pair \ud800"},
        {"amount": 2**63},
        {"price_book_version": 2**31},
        {"ttl_seconds": 10**12},
        {"text_salt": "no bytes", "description": b"no text"},
    ],
    ids=["NUL", "surrogate", "too large an amount", "too large a version", "beyond all time", "wrong types"],
)
async def test_nothing_that_is_forged_harms_its_neighbours(
    database: Database, cashier: Cashier, poison: dict[str, object]
) -> None:
    account = await cashier.open(tokens=100)

    outcomes = await asyncio.gather(
        cashier.reserve(account, 1),
        cashier.reserve(account, **{"amount": 1, **poison}),
        cashier.reserve(account, 1),
        return_exceptions=True,
    )

    held(outcomes[0])
    held(outcomes[2])
    assert not isinstance(outcomes[1], HoldEffect | LedgerUnavailable)
    assert await value_of(database, "SELECT count(*) FROM hold") == 2
    assert await contradictions(database) == []


async def test_refusals_harm_nobody_in_their_batch(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)

    outcomes = await asyncio.gather(
        cashier.reserve(account, 4),
        cashier.reserve(account, 7),
        cashier.commit(account, 999, 1),
        cashier.reserve(account_id_of(cashier.tenant_id, "nobody"), 1),
        cashier.reserve(account, 6),
        cashier.reserve(account, 1),
    )

    assert [type(outcome) for outcome in outcomes] == [
        HoldEffect,
        InsufficientTokens,
        NotFound,
        NotFound,
        HoldEffect,
        InsufficientTokens,
    ]
    assert await contradictions(database) == []


async def test_another_tenants_account_is_not_found(
    database: Database, cashier: Cashier, a_tenant: TenantBuilder
) -> None:
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 5)
    before = await rows_of(database, "SELECT * FROM ledger_account")
    stranger = Cashier(cashier.writer, (await a_tenant()).id)

    outcomes = await asyncio.gather(
        stranger.reserve(account, 1),
        stranger.commit(account, hold, 1),
        stranger.release(account, hold),
        stranger.extend(account, hold, ttl_seconds=60),
        stranger.grant(account, 5),
        stranger.writer.submit(Settle(stranger.tenant_id, account)),
        stranger.writer.submit(
            OpenAccount(stranger.tenant_id, account, "UTC", 5),
            Riders(profile=Profile("theirs", "theirs", "PERSONAL")),
        ),
        Cashier(cashier.writer, uuid4()).reserve(account, 1),
    )

    assert set(outcomes) == {NotFound("account")}
    assert await rows_of(database, "SELECT * FROM ledger_account") == before


async def test_an_account_that_was_never_opened_is_not_found_although_it_is_opened_in_the_same_batch(
    database: Database, cashier: Cashier
) -> None:
    account = account_id_of(cashier.tenant_id, "passenger")

    too_early, _, in_time = await asyncio.gather(
        cashier.grant(account, 5), cashier.open("passenger"), cashier.grant(account, 5)
    )

    assert too_early == NotFound("account")
    assert isinstance(in_time, GrantEffect)
    assert await contradictions(database) == []


async def test_a_thousand_and_two_hundred_due_holds_are_settled_in_order_before_anything_is_decided(
    database: Database, cashier: Cashier
) -> None:
    account = await cashier.open(tokens=1_200)
    spans = Random(3).sample(range(60, 60 + 1_200), 1_200)
    await asyncio.gather(*(cashier.hold(account, 1, ttl_seconds=span) for span in spans))
    assert isinstance(await cashier.reserve(account, 1), InsufficientTokens)
    await move_clock(database, cashier.tenant_id, 60 + 1_200)

    outcomes = await asyncio.gather(*(cashier.reserve(account, 400) for _ in range(4)))

    assert [type(outcome) for outcome in outcomes] == [HoldEffect, HoldEffect, HoldEffect, InsufficientTokens]
    releases = await rows_of(
        database,
        "SELECT e.version, e.at, h.expires_at FROM entry e JOIN hold h USING (account_id, hold_id) "
        "WHERE e.kind = 'RELEASE' ORDER BY e.version",
    )
    assert len(releases) == 1_200
    assert [row["at"] for row in releases] == sorted(row["expires_at"] for row in releases)
    assert max(row["version"] for row in releases) < held(outcomes[0]).hold.hold_id
    assert await contradictions(database) == []


@pytest.mark.parametrize("micros", [-1_000, -1, 0, 1, 1_000])
async def test_at_its_last_moment_a_hold_has_one_verdict(database: Database, cashier: Cashier, micros: int) -> None:
    account = await cashier.open(tokens=10)
    hold = held(await cashier.reserve(account, 10, ttl_seconds=60)).hold
    # The account's time stands still at its latest instant while the clock is behind it.
    await move_clock(database, cashier.tenant_id, -3_600)
    async with database.owner() as connection:
        await connection.execute(
            "UPDATE ledger_account SET last_at = $1::timestamptz + $2 * interval '1 microsecond'",
            hold.expires_at,
            micros,
        )

    commit, release = await asyncio.gather(
        cashier.commit(account, hold.hold_id), cashier.release(account, hold.hold_id)
    )

    if micros < 0:
        assert held(commit).amount == 10
        assert release == HoldNotOpen(HoldState.COMMITTED)
    else:
        assert commit == release == HoldExpired(hold.expires_at)


async def test_around_its_last_moment_in_real_time_a_hold_ends_once(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=400)
    holds = [await cashier.hold(account, 1, ttl_seconds=1) for _ in range(100)]
    last = await value_of(database, "SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM hold")

    async def try_around(at: Cashier, hold: int, seconds: float) -> object:
        await asyncio.sleep(max(0.0, last - 0.3 + seconds))
        return await at.commit(account, hold, 1)

    outcomes = await asyncio.gather(
        *(try_around([cashier, colleague][i % 2], hold, 0.004 * i) for i, hold in enumerate(holds))
    )

    ended = await rows_of(database, "SELECT state, ended_at, expires_at FROM hold ORDER BY hold_id")
    assert [row["state"] for row in ended] == [
        "COMMITTED" if isinstance(outcome, HoldEffect) else "EXPIRED" for outcome in outcomes
    ]
    assert all(row["ended_at"] < row["expires_at"] for row in ended if row["state"] == "COMMITTED")
    assert await contradictions(database) == []


async def test_a_clock_that_steps_back_revives_no_hold(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)
    hold = held(await cashier.reserve(account, 10, ttl_seconds=60)).hold
    await move_clock(database, cashier.tenant_id, 61)
    assert await cashier.commit(account, hold.hold_id) == HoldExpired(hold.expires_at)

    await move_clock(database, cashier.tenant_id, -71)

    assert await cashier.commit(account, hold.hold_id) == HoldExpired(hold.expires_at)
    assert isinstance(await cashier.release(account, hold.hold_id), HoldExpired)
    later = held(await cashier.reserve(account, 10, ttl_seconds=60)).hold
    assert later.created_at == hold.expires_at
    assert await contradictions(database) == []


async def test_whoever_asks_a_stopped_writer_is_told_at_once(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    async with Writer(database) as writer:
        account = await Cashier(writer, tenant.id).open(tokens=10)
        queued = [asyncio.create_task(Cashier(writer, tenant.id).reserve(account, 1)) for _ in range(10)]
        await asyncio.sleep(0)

    assert [held(await one).hold.amount for one in queued] == [1] * 10
    with pytest.raises(LedgerUnavailable):
        await Cashier(writer, tenant.id).reserve(account, 1)


async def test_every_change_is_announced_after_its_commit(database: Database, a_tenant: TenantBuilder) -> None:
    tenant = await a_tenant()
    announced: list[tuple[object, int]] = []

    def announce(committed: LoadedAccount) -> None:
        announced.append((committed.state.account.account_id, committed.state.account.version))

    async with Writer(database, announce=announce) as writer:
        cashier = Cashier(writer, tenant.id)
        account = await cashier.open()
        assert announced == []
        await cashier.grant(account, 10)
        await cashier.reserve(account, 100)
        hold = await cashier.hold(account, 10)
        await cashier.commit(account, hold, 4)

        await eventually(lambda: announced == [(account, 1), (account, 2), (account, 4)])
