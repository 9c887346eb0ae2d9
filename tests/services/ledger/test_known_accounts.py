"""A lane does not load what it wrote itself, and never uses what somebody else has changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.commands import AdjustAccount, LimitSetting, RevokeGrant, SetLimits
from rules.ledger.kinds import LimitPeriod, LimitScope, Mutation
from rules.ledger.outcomes import AccountEffect
from rules.ledger.refusals import AccountFrozen, InsufficientTokens, LimitReached
from services.ledger import known_accounts
from services.ledger.known_accounts import KnownAccounts, LoadedAccount
from services.ledger.writer import Writer
from tests.services.ledger.cashier import (
    Cashier,
    a_key,
    a_poisonous_reserve,
    a_reserve,
    granted,
    held,
    move_clock,
    value_of,
)
from tests.services.ledger.known import known_to
from tests.services.ledger.sums import contradictions

DAY = 86_400.0


class Loads:
    """Whether the lane knew the accounts that it loaded, batch by batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: list[bool] = []
        take = KnownAccounts.take

        def noted(known: KnownAccounts, account_id: UUID) -> LoadedAccount | None:
            loaded = take(known, account_id)
            self.known.append(loaded is not None)
            return loaded

        monkeypatch.setattr(KnownAccounts, "take", noted)

    def was_known(self) -> bool:
        """Whether the account of the latest batch was remembered."""
        return self.known[-1]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    return Loads(monkeypatch)


async def test_what_a_lane_wrote_it_knows(cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=100)
    assert held(await cashier.reserve(account, 10)).balance.available == 90
    assert loads.was_known()
    marks = {loaded.state.account.account_id: loaded.mark for loaded in known_to(cashier.writer)}
    await cashier.reserve(account, 10)
    (loaded,) = known_to(cashier.writer)
    assert loaded.mark != marks[account], "the row was written by another transaction"
    assert loaded.state.entries == []
    assert loaded.state.holds == {}


async def test_what_is_known_is_not_sent_again(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    await cashier.reserve(account, 1)
    (known,) = known_to(cashier.writer)
    connection = await database.lane_connection()
    try:
        loaded = await connection.fetchrow(
            "SELECT accounts, grants"
            " FROM ledger_load_v3($1, $2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 9)",
            [account, account],
            [known.mark, 0],
        )
    finally:
        await connection.close()
    assert loaded is not None
    assert len(loaded["accounts"]) == len(loaded["grants"]) == 1, "for the mark that is not known, and for that alone"


async def test_others_tokens_are_seen(cashier: Cashier, colleague: Cashier) -> None:
    account = await cashier.open(tokens=100)
    await colleague.reserve(account, 100)
    assert isinstance(await cashier.reserve(account, 1), InsufficientTokens)
    granted(await colleague.grant(account, 7))
    assert held(await cashier.reserve(account, 7)).balance.available == 0
    assert isinstance(await colleague.reserve(account, 1), InsufficientTokens)


async def test_two_processes_take_turns_and_sell_nothing_twice(
    database: Database, cashier: Cashier, colleague: Cashier
) -> None:
    account = await cashier.open(tokens=200)
    outcomes = await asyncio.gather(*(at.reserve(account, 1) for at in (cashier, colleague) for _ in range(150)))
    assert sum(isinstance(outcome, InsufficientTokens) for outcome in outcomes) == 100
    assert await contradictions(database) == []


@pytest.mark.parametrize("change", ["frozen", "limited", "revoked", "zone"])
async def test_what_others_change_of_an_account_is_seen(cashier: Cashier, colleague: Cashier, change: str) -> None:
    account = await cashier.open()
    grant = granted(await cashier.grant(account, 100)).grant.grant_id
    await cashier.reserve(account, 10)
    tenant_id, submit = cashier.tenant_id, colleague.writer.submit
    expected: type[Any]
    if change == "frozen":
        assert isinstance(await submit(AdjustAccount(tenant_id, account, frozen=True)), AccountEffect)
        expected = AccountFrozen
    elif change == "limited":
        await submit(SetLimits(tenant_id, account, (LimitSetting(LimitScope.ACCOUNT, LimitPeriod.DAY, limit=10),)))
        expected = LimitReached
    elif change == "revoked":
        granted(await submit(RevokeGrant(tenant_id, account, a_key(Mutation.REVOKE_GRANT), grant)))
        expected = InsufficientTokens
    else:
        await submit(AdjustAccount(tenant_id, account, time_zone="Asia/Kathmandu"))
        held(await cashier.reserve(account, 1))
        (loaded,) = known_to(cashier.writer)
        assert loaded.state.account.time_zone == "Asia/Kathmandu"
        return
    assert isinstance(await cashier.reserve(account, 1), expected)


async def test_a_refusal_leaves_what_is_known(cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=5)
    await cashier.reserve(account, 1)
    assert isinstance(await cashier.reserve(account, 50), InsufficientTokens)
    assert held(await cashier.reserve(account, 4)).balance.available == 0
    assert loads.was_known()


async def test_a_batch_that_fails_leaves_nothing_known(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=100)
    await cashier.reserve(account, 1)
    results = await asyncio.gather(
        cashier.reserve(account, 10),
        cashier.writer.submit(a_poisonous_reserve(cashier.tenant_id, account)),
        cashier.reserve(account, 20),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Exception) for result in results) == 1
    assert held(await cashier.reserve(account, 1)).balance.available == 68
    assert await contradictions(database) == []


async def test_what_falls_due_is_settled_on_what_is_known(database: Database, cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=100)
    expires_at = await value_of(database, "SELECT now() + interval '2 days'")
    granted(await cashier.grant(account, 50, expires_at=expires_at, source_ref="soon"))
    await cashier.hold(account, 30, ttl_seconds=60)
    await move_clock(database, cashier.tenant_id, 3 * DAY)
    balance = held(await cashier.reserve(account, 1)).balance
    assert loads.was_known()
    assert (balance.total, balance.available) == (100, 99), "the hold came back, the grant ended with it"
    assert await contradictions(database) == []


async def test_a_grant_that_is_used_up_is_no_longer_known(cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)
    granted(await cashier.grant(account, 5, source_ref="second", priority=90))
    hold = await cashier.hold(account, 10)
    await cashier.commit(account, hold, 10)
    (loaded,) = known_to(cashier.writer)
    assert [grant.granted for grant in loaded.state.grants.values()] == [5]
    assert list(loaded.state.source_refs) == ["second"]


async def test_what_is_assigned_is_loaded_each_time(cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=10)
    (member,) = await cashier.add_members(account, "ada")
    granted(await cashier.assign(account, 5, member_id=member))
    assert known_to(cashier.writer) == []
    held(await cashier.reserve(account, 10, member_id=member))
    assert not loads.was_known()


async def test_a_lost_connection_leaves_nothing_known(database: Database, cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=100)
    await cashier.reserve(account, 1)
    async with database.owner() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'farebox ledger'"
        )
    assert held(await cashier.reserve(account, 1)).balance.available == 98
    await cashier.reserve(account, 1)
    assert loads.was_known(), "what the new connection wrote"


async def test_few_accounts_are_known_at_once(
    monkeypatch: pytest.MonkeyPatch, database: Database, cashier: Cashier
) -> None:
    monkeypatch.setattr(known_accounts, "ACCOUNTS_MAX", 3)
    async with Writer(database, lanes=1) as writer:
        at = Cashier(writer, cashier.tenant_id)
        accounts = [await at.open(f"passenger {number}", tokens=10) for number in range(5)]
        assert [loaded.state.account.account_id for loaded in known_to(writer)] == accounts[2:]
        await at.reserve(accounts[2], 1)
        await at.reserve(accounts[0], 1)
        assert [loaded.state.account.account_id for loaded in known_to(writer)] == [accounts[i] for i in (4, 2, 0)]


async def test_what_is_known_grows_old(monkeypatch: pytest.MonkeyPatch, cashier: Cashier, loads: Loads) -> None:
    account = await cashier.open(tokens=10)
    monkeypatch.setattr(known_accounts, "KNOWN_SECONDS_MAX", 0.0)
    held(await cashier.reserve(account, 1))
    assert not loads.was_known()


async def test_a_clock_that_was_put_back_does_not_go_behind_the_journal(database: Database, cashier: Cashier) -> None:
    account = await cashier.open(tokens=10)
    before = held(await cashier.reserve(account, 1)).hold.created_at
    await move_clock(database, cashier.tenant_id, -DAY)
    after = held(await cashier.reserve(account, 1)).hold.created_at
    assert before <= after < before + timedelta(seconds=60)


async def test_one_batch_of_many_accounts_mixes_known_and_unknown(database: Database, cashier: Cashier) -> None:
    async with Writer(database, lanes=1) as writer:
        at = Cashier(writer, cashier.tenant_id)
        accounts = [await at.open(f"passenger {number}", tokens=10) for number in range(6)]
        for account in accounts[:3]:
            await cashier.reserve(account, 4)
        outcomes = await asyncio.gather(*(writer.submit(a_reserve(at.tenant_id, account, 7)) for account in accounts))
        assert [isinstance(outcome, InsufficientTokens) for outcome in outcomes] == [True] * 3 + [False] * 3
    assert await contradictions(database) == []


async def test_few_grants_are_known_at_once(
    monkeypatch: pytest.MonkeyPatch, database: Database, cashier: Cashier
) -> None:
    monkeypatch.setattr(known_accounts, "GRANTS_KNOWN_MAX", 5)
    async with Writer(database, lanes=1) as writer:
        at = Cashier(writer, cashier.tenant_id)
        accounts = [await at.open(f"passenger {number}", tokens=10) for number in range(3)]
        for account in accounts:
            granted(await at.grant(account, 5))
        assert [loaded.state.account.account_id for loaded in known_to(writer)] == accounts[1:]
        held(await at.reserve(accounts[0], 15))
        assert [loaded.state.account.account_id for loaded in known_to(writer)] == [accounts[2], accounts[0]]
