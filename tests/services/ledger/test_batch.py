"""One transaction: it loads all that a decision needs and writes all that it changed, riders included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from models.database import Database
from models.ledger import rows
from rules.identity import account_id_of
from rules.ledger.commands import (
    AdjustAccount,
    AnyCommand,
    Charge,
    ClawBack,
    Commit,
    Extend,
    GrantTokens,
    Line,
    OpenAccount,
    Refund,
    Release,
    Reserve,
    RevokeGrant,
)
from rules.ledger.decide import decide
from rules.ledger.due import settle_due
from rules.ledger.kinds import EntryKind, GrantSource, Mutation, OverrunPolicy
from rules.ledger.line_codec import encode_lines
from rules.ledger.outcomes import AccountEffect, GrantEffect, HoldEffect, Outcome
from rules.ledger.refusals import NotFound
from rules.ledger.state import AccountState
from rules.pricing.refusals import InvalidInput
from services.ledger import batch
from services.ledger.submission import AlreadyApplied, InboxMessage, Profile, Riders
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import (
    Cashier,
    a_key,
    a_poisonous_reserve,
    granted,
    held,
    move_clock,
    of_kind,
    rows_of,
    value_of,
)
from tests.services.ledger.sums import contradictions

PAYMENT = InboxMessage("stripe", "evt_1")
OF_PAYMENT = Riders(messages=(PAYMENT,))


async def test_a_message_delivered_fifty_times_applies_once(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open()

    outcomes = await asyncio.gather(
        *([cashier, colleague][i % 2].grant(account, 10, key=f"delivery {i}", riders=OF_PAYMENT) for i in range(50))
    )

    assert len(of_kind(outcomes, GrantEffect)) == 1
    assert of_kind(outcomes, AlreadyApplied) == [AlreadyApplied(PAYMENT)] * 49
    assert await value_of(database, "SELECT total FROM ledger_account WHERE account_id = $1", account) == 10
    assert await value_of(database, "SELECT count(*) FROM inbox") == 1
    assert await contradictions(database) == []


async def test_the_same_key_is_a_replay_although_its_message_was_applied(cashier: Cashier) -> None:
    account = await cashier.open()

    outcomes = await asyncio.gather(*(cashier.grant(account, 10, key="payment", riders=OF_PAYMENT) for _ in range(10)))

    assert sorted(granted(outcome).replayed for outcome in outcomes) == [False] + [True] * 9


async def test_of_two_payments_for_one_source_one_is_granted(database: Database, cashier: Cashier) -> None:
    account = await cashier.open()

    outcomes = await asyncio.gather(
        *(cashier.grant(account, 10, key=f"event {i}", source_ref="payment 1") for i in range(20))
    )

    assert len(of_kind(outcomes, GrantEffect)) == 1
    assert len(of_kind(outcomes, InvalidInput)) == 19
    assert await value_of(database, "SELECT count(*) FROM token_grant") == 1


async def test_nothing_rides_on_a_refused_command(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=5)

    refused, *_ = await asyncio.gather(
        cashier.reserve(account, 6, riders=OF_PAYMENT), cashier.reserve(account, 1), cashier.reserve(account, 1)
    )
    assert not isinstance(refused, HoldEffect)
    assert await value_of(database, "SELECT count(*) FROM inbox") == 0

    held(await cashier.reserve(account, 1, riders=OF_PAYMENT))
    assert await value_of(database, "SELECT count(*) FROM inbox") == 1


async def test_one_known_message_of_two_stops_the_command(database: Database, cashier: Cashier) -> None:
    account = await cashier.open()
    granted(await cashier.grant(account, 1, riders=OF_PAYMENT))
    other = InboxMessage("stripe", "evt_2")

    outcome = await cashier.grant(account, 1, riders=Riders(messages=(other, PAYMENT)))

    assert outcome == AlreadyApplied(PAYMENT)
    assert await value_of(database, "SELECT count(*) FROM inbox") == 1
    granted(await cashier.grant(account, 1, riders=Riders(messages=(other,))))


async def test_messages_of_two_origins_may_have_one_id(cashier: Cashier) -> None:
    account = await cashier.open()
    for origin in ("stripe", "another"):
        granted(await cashier.grant(account, 1, riders=Riders(messages=(InboxMessage(origin, "1"),))))


async def test_what_rode_with_a_poisonous_command_is_not_written(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=5)
    poison = a_poisonous_reserve(cashier.tenant_id, account)

    outcomes = await asyncio.gather(
        cashier.writer.submit(poison, OF_PAYMENT), cashier.reserve(account, 1), return_exceptions=True
    )

    assert isinstance(outcomes[0], Exception)
    held(outcomes[1])
    assert await value_of(database, "SELECT count(*) FROM inbox") == 0


async def test_a_message_says_nothing_of_itself_to_another_tenant(cashier: Cashier, a_tenant: TenantBuilder) -> None:
    account = await cashier.open()
    granted(await cashier.grant(account, 1, riders=OF_PAYMENT))
    stranger = Cashier(cashier.writer, (await a_tenant()).id)

    assert await stranger.grant(account, 1, riders=OF_PAYMENT) == NotFound("account")


async def test_a_profile_is_written_by_whoever_opens_the_account(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = account_id_of(cashier.tenant_id, "passenger")

    def opening(number: int) -> tuple[OpenAccount, Riders]:
        name = f"Passenger {number}"
        return (
            OpenAccount(cashier.tenant_id, account, "UTC", 50, 12),
            Riders(profile=Profile("passenger", name, "PERSONAL")),
        )

    outcomes = await asyncio.gather(*([cashier, colleague][i % 2].writer.submit(*opening(i)) for i in range(50)))

    assert len(of_kind(outcomes, AccountEffect)) == 50
    assert {outcome.balance.total for outcome in of_kind(outcomes, AccountEffect)} == {50}
    assert len(await rows_of(database, "SELECT name FROM account")) == 1
    assert await value_of(database, "SELECT count(*) FROM token_grant WHERE source = 'TRIAL'") == 1
    assert await contradictions(database) == []


async def test_an_account_whose_profile_cannot_be_written_is_not_opened(database: Database, cashier: Cashier) -> None:
    account = account_id_of(cashier.tenant_id, "passenger")
    opening = OpenAccount(cashier.tenant_id, account, "UTC", 50)

    with pytest.raises(Exception, match="too long"):
        await cashier.writer.submit(opening, Riders(profile=Profile("passenger", "P", "NO SUCH KIND" * 100)))

    assert await value_of(database, "SELECT count(*) FROM ledger_account") == 0
    assert await cashier.reserve(account, 1) == NotFound("account")


async def test_an_overrun_does_not_spend_again_what_the_hold_just_spent(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    await cashier.grant(account, 100)
    hold = await cashier.hold(account, 40)

    assert held(await cashier.commit_available(account, hold, 180)).amount == 180

    left = await rows_of(database, "SELECT remaining FROM token_grant ORDER BY grant_id")
    assert [row["remaining"] for row in left] == [0, 20]
    assert await contradictions(database) == []


class Memory:
    """The core alone, with every row of the account in memory and time that stands still until it is moved."""

    def __init__(self, state: AccountState) -> None:
        self.state = state
        self.now = state.account.last_at

    @classmethod
    async def of(cls, database: Database, account_id: UUID) -> Memory:
        columns = (
            "account_id, tenant_id, opened, frozen, time_zone, credit_limit, total, held, credit_drawn, clawed_back, "
            "grace_days, mark, version, head_hash, due_at, created_at, last_at, plan_id, closed_at, assigned, "
            "spending, alerting"
        )
        (row,) = await rows_of(database, f"SELECT {columns} FROM ledger_account WHERE account_id = $1", account_id)
        assert row["version"] == 0
        return cls(AccountState(rows.read_account(tuple(row))))

    def judge(self, command: AnyCommand) -> Outcome:
        if isinstance(command, Refund):
            lines = [line for line in self.state.new_lines if line.hold_id == command.hold_id]
            self.state.captured_lines[command.hold_id] = lines
        assert settle_due(self.state, self.now)
        return decide(self.state, command, self.now)


class Chance:
    """Commands of every kind, most of them sensible."""

    def __init__(self, tenant_id: UUID, account_id: UUID, seed: int) -> None:
        self._random = Random(seed)
        self._account = (tenant_id, account_id)
        self._numbers = iter(range(1, 1_000_000))

    def commands(self, state: AccountState, number: int) -> list[AnyCommand]:
        return [self._command(state) for _ in range(number)]

    def _command(self, state: AccountState) -> AnyCommand:
        random = self._random
        holds = [*state.holds] or [1]
        grants = [*state.grants] or [1]
        hold_id = random.choice(holds[-12:])
        salt = random.randbytes(16)

        def once(mutation: Mutation) -> object:
            # Now and then a key that was used before, sometimes with another input.
            number = next(self._numbers)
            key = f"{number - random.randint(1, 30)}" if random.random() < 0.1 else f"{number}"
            return a_key(mutation, key, asks=random.choice(["this", "this", "that"]))

        def lines() -> tuple[Line, ...]:
            return tuple(
                Line(f"node {i}", random.choice(["flux", "upscale"]), "image", '{"steps":"25"}', 1, cost, 1, True)
                for i, cost in enumerate(random.choices(range(1, 60), k=random.randint(1, 3)))
            )

        def work() -> dict[str, object]:
            if random.random() < 0.5:
                return {"amount": random.randint(1, 120), "lines": (), "lines_json": "[]"}
            priced = lines()
            unit = random.choice([0, 7])
            cost = sum(line.cost for line in priced)
            amount = cost + (-cost % unit if unit else 0)
            return {"amount": amount, "lines": priced, "lines_json": encode_lines(priced), "rounding_unit": unit}

        def build(kind: type, mutation: Mutation, *arguments: object, **fields: object) -> AnyCommand:
            return kind(*self._account, once(mutation), *arguments, **fields)

        match random.choices(range(10), weights=[10, 20, 5, 18, 8, 6, 8, 2, 1, 2])[0]:
            case 0:
                expires_at = state.account.last_at + timedelta(hours=random.randint(1, 100))
                return build(
                    GrantTokens,
                    Mutation.GRANT_TOKENS,
                    random.randint(1, 300),
                    random.choice([GrantSource.BONUS, GrantSource.PURCHASE]),
                    f"ref {random.randint(1, 300)}",
                    priority=random.choice([10, 50]),
                    expires_at=random.choice([None, expires_at]),
                    note=random.choice([None, "a gift"]),
                    text_salt=salt,
                )
            case 1:
                fields = {"price_book_version": 1, "ttl_seconds": random.randint(60, 86_400), "project": "film"}
                return build(Reserve, Mutation.RESERVE, **work(), **fields)
            case 2:
                return build(Charge, Mutation.CHARGE, **work(), price_book_version=1, text_salt=salt)
            case 3:
                actual: dict[str, object] = random.choice([{}, {"amount": random.randint(0, 90)}, {"lines": lines()}])
                return build(
                    Commit,
                    Mutation.COMMIT,
                    hold_id,
                    final=random.random() < 0.5,
                    overrun=random.choice([*OverrunPolicy]),
                    text_salt=salt,
                    **actual,
                )
            case 4:
                return build(Release, Mutation.RELEASE, hold_id, note="failed", text_salt=salt)
            case 5:
                ttl = random.choice([None, 7_200])
                return build(Extend, Mutation.EXTEND, hold_id, ttl_seconds=ttl, adds_work=True, **work())
            case 6:
                amount = random.choice([None, random.randint(1, 40)])
                return build(Refund, Mutation.REFUND, hold_id, amount=amount, reason="sorry", text_salt=salt)
            case 7:
                return build(RevokeGrant, Mutation.REVOKE_GRANT, random.choice(grants), text_salt=salt)
            case 8:
                return build(ClawBack, Mutation.CLAW_BACK, random.choice(grants), text_salt=salt)
            case _:
                limit = random.choice([0, 50, 500, -1])
                return AdjustAccount(*self._account, credit_limit=limit, frozen=random.random() < 0.1)


def plainly(outcome: object) -> object:
    """An outcome without what only the whole account in memory shows."""
    return outcome if not isinstance(outcome, AccountEffect) else outcome.balance


@pytest.mark.parametrize("seed", range(5))
async def test_the_core_decides_on_loaded_rows_as_it_does_with_everything_in_memory(
    database: Database, cashier: Cashier, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    account_id = await cashier.open()
    memory = await Memory.of(database, account_id)
    monkeypatch.setattr(batch, "settle_due", lambda state, _: settle_due(state, memory.now))
    monkeypatch.setattr(batch, "decide", lambda state, command, _: decide(state, command, memory.now))
    chance, random = Chance(cashier.tenant_id, account_id, seed), Random(seed)

    judged: list[tuple[AnyCommand, object, object]] = []
    for _ in range(25):
        passed = timedelta(minutes=random.choice([0, 1, 59, 600]))
        memory.now += passed
        await move_clock(database, cashier.tenant_id, passed.total_seconds())
        commands = chance.commands(memory.state, random.choice([1, 3, 25]))
        answers: Sequence[object] = await asyncio.gather(*map(cashier.writer.submit, commands))
        judged += [
            (command, plainly(answer), plainly(memory.judge(command)))
            for command, answer in zip(commands, answers, strict=True)
        ]

    for command, answer, expected in judged:
        assert answer == expected, command
    (stored,) = await rows_of(database, "SELECT * FROM ledger_account")
    account = memory.state.account
    assert (stored["version"], stored["head_hash"]) == (account.version, account.head_hash)
    assert (stored["total"], stored["held"], stored["mark"]) == (account.total, account.held, account.mark)
    assert {entry.kind for entry in memory.state.entries} > {EntryKind.CAPTURE, EntryKind.REFUND}
    assert await contradictions(database) == []
