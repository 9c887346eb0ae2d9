"""Members and what is assigned to them, in the database: the same balances, the same refusals, never oversold."""

from __future__ import annotations

import asyncio
from random import Random
from uuid import UUID

import pytest

from models.database import Database
from rules.ledger.burn_down import Spender
from rules.ledger.commands import ClawBack, Refund, RevokeGrant
from rules.ledger.kinds import EntryKind, GrantEnd, MemberRole, Mutation
from rules.ledger.member_changes import RemoveMember
from rules.ledger.outcomes import GrantEffect, HoldEffect, MembersEffect
from rules.ledger.records import EntryFilter, Slice
from rules.ledger.refusals import InsufficientTokens, NotFound
from rules.pricing.money import Paid
from services.ledger.reads import LedgerReads
from services.price_books import PriceBooks
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import Cashier, a_key, granted, held, move_clock, of_kind, value_of
from tests.services.ledger.sums import contradictions

MANY: Slice[int] = Slice(1_000)


@pytest.fixture
def reads(database: Database, cashier: Cashier) -> LedgerReads:
    return LedgerReads(database, cashier.writer, PriceBooks(database))


async def seen(
    reads: LedgerReads, cashier: Cashier, account: UUID, member: UUID | None = None, project: str | None = None
) -> tuple[int, int, int, int]:
    """Total, held, available and assigned, as they are read for a member or project."""
    balance = await reads.balance(cashier.tenant_id, account, Spender(member, project))
    assert balance is not None
    return balance.total, balance.held, balance.available, balance.assigned


async def test_members_are_kept_and_listed(cashier: Cashier, reads: LedgerReads, a_tenant: TenantBuilder) -> None:
    account = await cashier.open()
    anna, ben, carl = await cashier.add_members(account, "anna", "ben", "carl")
    assert isinstance(await cashier.manage(account, RemoveMember(ben)), MembersEffect)
    tenant = cashier.tenant_id

    first = await reads.members(tenant, account, Slice(1), active_only=True)
    rest = await reads.members(tenant, account, Slice(5, "anna"), active_only=True)
    everyone = await reads.members(tenant, account, Slice(5), active_only=False)

    assert ([member.member_id for member in first.rows], first.has_more) == ([anna], True)
    assert ([member.member_id for member in rest.rows], rest.has_more) == ([carl], False)
    assert [(member.external_id, member.active) for member in everyone.rows] == [
        ("anna", True),
        ("ben", False),
        ("carl", True),
    ]
    assert await reads.count_members(tenant, account, active_only=True) == 2
    assert await reads.count_members(tenant, account, active_only=False) == 3
    removed = await reads.member(tenant, account, ben)
    assert removed is not None
    assert (removed.name, removed.role, removed.removed_at is None) == ("ben", MemberRole.MEMBER, False)
    stranger = (await a_tenant()).id
    assert await reads.member(stranger, account, anna) is None
    assert (await reads.members(stranger, account, Slice(5), active_only=False)).rows == ()
    assert await reads.count_members(stranger, account, active_only=False) == 0


async def test_an_assignment_is_read_as_it_was_answered(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open()
    (anna,) = await cashier.add_members(account, "anna")
    bought = granted(await cashier.grant(account, 100, paid_minor_units=500, paid_currency="usd")).grant
    effect = granted(await cashier.assign(account, 30, member_id=anna, key="k"))

    assert await reads.balance(cashier.tenant_id, account, Spender(anna)) == effect.balance
    assert await reads.grant(cashier.tenant_id, account, effect.grant.grant_id) == effect.grant
    whole = await reads.grant(cashier.tenant_id, account, bought.grant_id)
    assert whole is not None
    assert (whole.remaining, whole.moved, whole.paid_minor_units) == (70, 30, 350)
    assert await reads.paid(cashier.tenant_id, account) == (Paid("usd", 500, 100),)
    again = granted(await cashier.assign(account, 30, member_id=anna, key="k"))
    assert (again.replayed, again.grant, again.balance) == (True, effect.grant, effect.balance)
    assert await contradictions(database) == []


async def test_every_scope_is_shown_what_it_can_have(
    database: Database, cashier: Cashier, colleague: Cashier, reads: LedgerReads
) -> None:
    """Whatever happened: more than is shown is refused, and what is shown goes through."""
    account = await cashier.open(tokens=200)
    anna, ben = await cashier.add_members(account, "anna", "ben")
    spenders = [Spender(), Spender(anna), Spender(ben), Spender(None, "film"), Spender(anna, "film")]
    owners = [{"member_id": anna}, {"member_id": ben}, {"project": "film"}]
    random = Random(11)
    holds: list[int] = []
    for number in range(60):
        at = random.choice([cashier, colleague])
        spender = random.choice(spenders)
        match random.randrange(6):
            case 0:
                await at.assign(account, random.randint(1, 25), **random.choice(owners))
            case 1:
                await at.assign(account, -random.randint(1, 15), **random.choice(owners))
            case 2 if holds:
                await at.commit(account, holds.pop(), 1)
            case 3 if holds:
                await at.release(account, holds.pop(random.randrange(len(holds))))
            case 4:
                ends = {"expires_after_months": 1} if number % 2 else {}
                await at.grant(account, random.randint(1, 20), **ends)
            case _:
                outcome = await at.reserve(account, random.randint(1, 20), **spender._asdict())
                holds += [outcome.hold.hold_id] if isinstance(outcome, HoldEffect) else []
        for one in spenders:
            balance = await reads.balance(cashier.tenant_id, account, one)
            assert balance is not None
            too_much = await at.reserve(account, balance.available + 1, **one._asdict())
            assert too_much == InsufficientTokens(balance.available + 1, balance.available)
            if balance.available:
                just = held(await at.reserve(account, balance.available, **one._asdict()))
                assert await reads.balance(cashier.tenant_id, account, one) == just.balance
                held(await at.release(account, just.hold.hold_id))
    pool, *assigned = [await seen(reads, cashier, account, one.member_id, one.project) for one in spenders[:4]]
    total = await value_of(database, "SELECT total FROM ledger_account")
    assert pool[0] + sum(owned for *_, owned in assigned) == total
    assert await contradictions(database) == []


async def test_assignments_racing_reserves_take_exactly_what_the_pool_has(
    database: Database, cashier: Cashier, colleague: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=60)
    anna, ben = await cashier.add_members(account, "anna", "ben")

    outcomes = await asyncio.gather(
        *(
            [cashier, colleague][number % 2].assign(account, 1, member_id=anna)
            if number % 4 < 2
            else [cashier, colleague][number % 2].reserve(account, 1, member_id=ben)
            for number in range(160)
        )
    )

    assigned, reserved = len(of_kind(list(outcomes), GrantEffect)), len(of_kind(list(outcomes), HoldEffect))
    assert assigned + reserved == 60
    assert len(of_kind(list(outcomes), InsufficientTokens)) == 100
    assert await seen(reads, cashier, account) == (reserved, reserved, 0, 0)
    assert await seen(reads, cashier, account, anna) == (60, reserved, assigned, assigned)
    hers = await asyncio.gather(
        *([cashier, colleague][number % 2].reserve(account, 1, member_id=anna) for number in range(100))
    )
    assert len(of_kind(list(hers), HoldEffect)) == assigned
    assert await contradictions(database) == []


async def test_a_removal_in_the_midst_of_work_loses_nothing(
    database: Database, cashier: Cashier, colleague: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    (anna,) = await cashier.add_members(account, "anna")
    await cashier.assign(account, 80, member_id=anna)

    async def ride(at: Cashier) -> int:
        outcome = await at.reserve(account, 2, member_id=anna)
        if not isinstance(outcome, HoldEffect):
            assert outcome == NotFound("member")
            return 0
        return held(await at.commit(account, outcome.hold.hold_id, 1)).amount

    async def remove() -> int:
        assert isinstance(await cashier.manage(account, RemoveMember(anna)), MembersEffect)
        return 0

    rides = [ride([cashier, colleague][number % 2]) for number in range(40)]
    spent = sum(await asyncio.gather(*rides[:20], remove(), *rides[20:]))

    assert await seen(reads, cashier, account) == (100 - spent, 0, 100 - spent, 0)
    assert await value_of(database, "SELECT assigned FROM ledger_account") == 0
    assert await contradictions(database) == []


async def test_one_batch_may_hold_a_members_whole_life(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    blocker = asyncio.create_task(cashier.grant(account, 1))
    await asyncio.sleep(0)
    anna, *_ = await asyncio.gather(
        cashier.add_members(account, "anna"),
        cashier.assign(account, 40, project="film"),
    )
    await blocker
    member = anna[0]
    outcomes = await asyncio.gather(
        cashier.assign(account, 30, member_id=member),
        cashier.reserve(account, 50, member_id=member, project="film"),
        cashier.assign(account, -5, member_id=member),
        cashier.manage(account, RemoveMember(member)),
        cashier.reserve(account, 1, member_id=member),
        cashier.assign(account, 1, member_id=member),
    )

    assert [type(outcome) for outcome in outcomes] == [
        GrantEffect,
        HoldEffect,
        GrantEffect,
        MembersEffect,
        NotFound,
        NotFound,
    ]
    assert (await seen(reads, cashier, account))[3] == 0
    assert await contradictions(database) == []


async def test_what_a_removed_members_hold_gives_back_at_its_end_is_in_the_pool(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=100)
    (anna,) = await cashier.add_members(account, "anna")
    await cashier.assign(account, 100, member_id=anna)
    await cashier.hold(account, 30, member_id=anna, ttl_seconds=60)
    await cashier.manage(account, RemoveMember(anna))
    await move_clock(database, cashier.tenant_id, 61)

    assert await seen(reads, cashier, account) == (100, 0, 100, 0)
    entries = await reads.entries(cashier.tenant_id, account, MANY, EntryFilter(member_id=anna))
    assert [entry.kind for entry in entries.rows] == [
        EntryKind.ASSIGNMENT,
        EntryKind.RELEASE,
        EntryKind.ASSIGNMENT,
        EntryKind.ADJUSTMENT,
        EntryKind.HOLD,
        EntryKind.ASSIGNMENT,
        EntryKind.ADJUSTMENT,
    ]
    assert await reads.count_entries(cashier.tenant_id, account, EntryFilter(member_id=anna)) == 7
    assert await contradictions(database) == []


@pytest.mark.parametrize("claws_back", [False, True])
async def test_parts_that_were_used_up_end_with_their_grant(
    database: Database, cashier: Cashier, reads: LedgerReads, claws_back: bool
) -> None:
    account = await cashier.open()
    bought = granted(await cashier.grant(account, 100)).grant.grant_id
    part = granted(await cashier.assign(account, 40, project="film")).grant.grant_id
    spent = await cashier.hold(account, 40, project="film")
    await cashier.commit(account, spent)

    mutation = Mutation.CLAW_BACK if claws_back else Mutation.REVOKE_GRANT
    kind = ClawBack if claws_back else RevokeGrant
    granted(await cashier.writer.submit(kind(cashier.tenant_id, account, a_key(mutation), bought)))

    ended = await reads.grant(cashier.tenant_id, account, part)
    assert ended is not None
    assert ended.ended is (GrantEnd.CLAWED_BACK if claws_back else GrantEnd.REVOKED)
    balance = await reads.balance(cashier.tenant_id, account)
    assert balance is not None
    assert (balance.total, balance.owed) == (0, 40 if claws_back else 0)
    assert await contradictions(database) == []


async def test_a_refund_after_everything_was_spent_finds_its_way_to_the_pool(
    database: Database, cashier: Cashier, reads: LedgerReads
) -> None:
    account = await cashier.open(tokens=10)
    (anna,) = await cashier.add_members(account, "anna")
    await cashier.assign(account, 10, member_id=anna)
    spent = await cashier.hold(account, 10, member_id=anna)
    await cashier.commit(account, spent)
    await cashier.manage(account, RemoveMember(anna))

    refund = Refund(cashier.tenant_id, account, a_key(Mutation.REFUND), spent, 4)
    held(await cashier.writer.submit(refund))

    assert await seen(reads, cashier, account) == (4, 0, 4, 0)
    assert await contradictions(database) == []
