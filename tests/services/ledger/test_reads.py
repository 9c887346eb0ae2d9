"""What is read is settled first, is one snapshot, and is the tenant's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from models.database import Database
from rules.ledger.commands import SendTokens, Settle
from rules.ledger.kinds import EntryKind, HoldState, Mutation
from rules.ledger.outcomes import AccountEffect, GrantEffect
from rules.ledger.records import EntryFilter, EntryOrder, Slice
from rules.pricing.money import Paid
from services.ledger.reads import LedgerReads
from services.price_books import PriceBooks
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import Cashier, a_key, granted, held, move_clock

MANY: Slice[int] = Slice(1_000)
ALL = EntryFilter()


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


async def test_the_balance_read_is_the_balance_answered(cashier: Cashier, reads: LedgerReads) -> None:
    account = await cashier.open()
    answers = [
        await cashier.grant(account, 100),
        await cashier.reserve(account, 30),
        await cashier.reserve(account, 20),
    ]
    answers.append(await cashier.commit(account, held(answers[1]).hold.hold_id, 25))

    assert await reads.balance(cashier.tenant_id, account) == held(answers[-1]).balance
    assert held(answers[-1]).balance.available == 55


async def test_what_is_due_is_settled_before_it_is_shown(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    hold = held(await cashier.reserve(account, 30, ttl_seconds=60)).hold
    await move_clock(database, cashier.tenant_id, 60)

    reading = await reads.read(cashier.tenant_id, account)

    assert reading is not None
    assert (reading.balance.held, reading.balance.available) == (0, 100)
    assert (reading.version, reading.as_of) == (3, hold.expires_at)
    shown = await reads.hold(cashier.tenant_id, account, hold.hold_id)
    assert shown is not None
    assert (shown.state, shown.ended_at) == (HoldState.EXPIRED, hold.expires_at)


@pytest.mark.parametrize("what", ["hold", "holds", "grants", "entries"])
async def test_every_read_settles_first(database: Database, cashier: Cashier, reads: LedgerReads, what: str) -> None:
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 30, ttl_seconds=60)
    await move_clock(database, cashier.tenant_id, 60)
    tenant = cashier.tenant_id

    match what:
        case "hold":
            shown = await reads.hold(tenant, account, hold)
            assert shown is not None
            assert shown.state is HoldState.EXPIRED
        case "holds":
            assert (await reads.holds(tenant, account, MANY, state=HoldState.OPEN)).rows == ()
        case "grants":
            (grant,) = (await reads.grants(tenant, account, MANY, active_only=True)).rows
            assert grant.held == 0
        case _:
            assert (await reads.entries(tenant, account, MANY, ALL)).rows[0].kind is EntryKind.RELEASE


async def test_one_version_never_shows_two_balances(
    database: Database, cashier: Cashier, colleague: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=10_000)
    done = asyncio.Event()
    shown: dict[tuple[int, object], object] = {}

    async def ride(at: Cashier) -> None:
        for number in range(30):
            hold = await at.hold(account, 5, ttl_seconds=60)
            if number % 3:
                await at.commit(account, hold, 3)

    async def watch() -> None:
        last = (0, None)
        while not done.is_set():
            balance = await reads.balance(cashier.tenant_id, account)
            assert balance is not None
            assert balance.version >= last[0]
            last = (balance.version, balance.as_of)
            assert shown.setdefault(last, balance) == balance

    async def let_time_pass() -> None:
        while not done.is_set():
            await move_clock(database, cashier.tenant_id, 31)

    watchers = [asyncio.create_task(work) for work in (watch(), watch(), let_time_pass())]
    await asyncio.gather(*(ride([cashier, colleague][i % 2]) for i in range(8)))
    done.set()
    await asyncio.gather(*watchers)

    assert len(shown) > 5
    assert len({version for version, _ in shown}) == len(shown)


async def test_pages_of_the_journal_follow_each_other_without_gap_or_repetition(
    cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    for _ in range(12):
        await cashier.hold(account, 1)

    versions: list[int] = []
    after = None
    while True:
        page = await reads.entries(cashier.tenant_id, account, Slice(5, after), ALL)
        versions += [entry.version for entry in page.rows]
        if not page.has_more:
            break
        after = versions[-1]

    assert versions == list(range(13, 0, -1))
    assert await reads.count_entries(cashier.tenant_id, account, ALL) == 13


async def test_the_journal_is_read_upwards_from_a_version_while_others_write(
    cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    for _ in range(6):
        await cashier.hold(account, 1)

    versions: list[int] = []
    after = None
    while True:
        page = await reads.entries(
            cashier.tenant_id, account, Slice(2, after), EntryFilter(after_version=3), order=EntryOrder.OLDEST_FIRST
        )
        versions += [entry.version for entry in page.rows]
        if not page.has_more:
            break
        after = versions[-1]
        if len(versions) < 6:
            await cashier.hold(account, 1)

    assert versions == list(range(4, 10))


async def test_the_journal_is_filtered(cashier: Cashier, reads: LedgerReads) -> None:
    account = await cashier.open(tokens=100)
    film = held(await cashier.reserve(account, 5, project="film")).hold.hold_id
    await cashier.hold(account, 1)
    await cashier.commit(account, film, 2)

    async def versions(**wanted: object) -> list[int]:
        page = await reads.entries(cashier.tenant_id, account, MANY, EntryFilter(**wanted))
        assert await reads.count_entries(cashier.tenant_id, account, EntryFilter(**wanted)) == len(page.rows)
        return [entry.version for entry in page.rows]

    (second,) = [await reads.entry(cashier.tenant_id, account, 2)]
    assert second is not None
    assert await versions(after_version=3) == [5, 4]
    assert await versions(kinds=frozenset({EntryKind.HOLD, EntryKind.GRANT})) == [3, 2, 1]
    assert await versions(project="film") == [5, 4, 2]
    assert await versions(since=second.at) == [5, 4, 3, 2]
    assert await versions(before=second.at) == [1]
    assert await versions(project="film", kinds=frozenset({EntryKind.CAPTURE})) == [4]


async def test_grants_are_active_while_they_have_tokens_and_time(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(trial=10)
    used_up = granted(await cashier.grant(account, 5, priority=1)).grant.grant_id
    kept = granted(await cashier.grant(account, 50)).grant.grant_id
    hold = await cashier.hold(account, 5)
    await cashier.commit(account, hold)
    trial = 1

    async def ids(*, active_only: bool) -> list[int]:
        page = await reads.grants(cashier.tenant_id, account, MANY, active_only=active_only)
        count = await reads.count_grants(cashier.tenant_id, account, active_only=active_only)
        assert count == len(page.rows)
        return [grant.grant_id for grant in page.rows]

    assert await ids(active_only=True) == [kept, trial]
    assert await ids(active_only=False) == [kept, used_up, trial]
    await move_clock(database, cashier.tenant_id, 366 * 86_400)
    async with database.owner() as connection:
        await connection.execute("SELECT ensure_journal_months(now() + interval '13 months', 20)")
    assert await ids(active_only=True) == [kept]


async def test_an_account_of_another_tenant_shows_nothing(
    cashier: Cashier, reads: LedgerReads, a_tenant: TenantBuilder
) -> None:
    account = await cashier.open(tokens=100)
    hold = await cashier.hold(account, 1)
    stranger = (await a_tenant()).id

    assert await reads.read(stranger, account) is None
    assert await reads.balance(stranger, account) is None
    assert await reads.hold(stranger, account, hold) is None
    assert await reads.grant(stranger, account, 1) is None
    assert await reads.entry(stranger, account, 1) is None
    assert (await reads.entries(stranger, account, MANY, ALL)).rows == ()
    assert (await reads.holds(stranger, account, MANY, state=None)).rows == ()
    assert (await reads.grants(stranger, account, MANY, active_only=False)).rows == ()
    assert await reads.count_entries(stranger, account, ALL) == 0
    assert await reads.count_holds(stranger, account, state=None) == 0
    assert await reads.count_grants(stranger, account, active_only=False) == 0


async def test_the_tokens_that_expire_next_are_told(database: Database, cashier: Cashier, reads: LedgerReads) -> None:
    account = await cashier.open(trial=40)
    outcome = await cashier.grant(account, 100)
    assert isinstance(outcome, GrantEffect)
    answered = outcome.balance

    balance = await reads.balance(cashier.tenant_id, account)

    assert balance == answered
    assert balance.expiring_amount == 40
    opened = await cashier.writer.submit(Settle(cashier.tenant_id, account))
    assert isinstance(opened, AccountEffect)
    assert opened.balance == balance


async def test_what_was_paid_is_told_of_the_tokens_that_are_left(
    database: Database, cashier: Cashier, reads: LedgerReads, a_tenant: TenantBuilder
) -> None:
    account = await cashier.open(trial=50)
    await cashier.grant(account, 1000, paid_minor_units=900, paid_currency="usd")
    ends = granted(
        await cashier.grant(account, 500, paid_minor_units=600, paid_currency="usd", expires_after_months=1)
    ).grant
    await cashier.grant(account, 100, paid_minor_units=70, paid_currency="eur")
    await cashier.grant(account, 300)

    assert await reads.paid(cashier.tenant_id, account) == (Paid("eur", 70, 100), Paid("usd", 1500, 1500))
    assert await reads.paid((await a_tenant()).id, account) == ()

    assert ends.expires_at is not None
    await move_clock(database, cashier.tenant_id, 32 * 86_400)
    assert await reads.paid(cashier.tenant_id, account) == (Paid("eur", 70, 100), Paid("usd", 900, 1000))

    heir = await cashier.open("heir")
    sending = SendTokens(cashier.tenant_id, account, a_key(Mutation.TRANSFER_TOKENS), 500, heir)
    granted(await cashier.writer.submit(sending))
    assert await reads.paid(cashier.tenant_id, account) == (Paid("eur", 70, 100), Paid("usd", 495, 550))


async def test_whether_an_account_or_a_member_is_there_is_asked_once_however_many_want_to_know(
    cashier: Cashier, reads: LedgerReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, nobody = await cashier.open(), uuid4()
    asked: list[tuple[object, ...]] = []

    def counted(ask: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def method(*name: object) -> object:
            asked.append(name)
            return await ask(*name)

        return method

    monkeypatch.setattr(reads, "read", counted(reads.read))
    monkeypatch.setattr(reads, "member", counted(reads.member))
    tenant = cashier.tenant_id

    assert set(await asyncio.gather(*(reads.has_account(tenant, account) for _ in range(50)))) == {True}
    assert await reads.has_account(tenant, account)
    assert asked == [(tenant, account)]
    assert not await reads.has_account(uuid4(), account), "another tenant's"
    assert not await reads.has_member(tenant, account, nobody)
    assert not await reads.has_member(tenant, account, nobody), "who is not there may come"
    assert len(asked) == 4
