"""Referrals: a share of the first purchase, once, for nobody who refers themselves; and back with the purchase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.account import AccountKind
from models.database import Database
from rules.identity import referral_code_of
from rules.ledger.commands import AnyCommand, ClawBack, GrantTokens, RevokeGrant, Settle
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect
from rules.ledger.requests import RevokeGrantRequest
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from rules.promotions.referrals import reward_of
from services.grants import Grants
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Riders
from services.referrals import Referrals
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import a_key, granted, held, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, a_source, open_shop


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        await shop.publish(a_source().replace("[policies]", "[policies]\nreferral_percent = 10"))
        yield shop


async def a_pair(shop: Shop) -> tuple[UUID, UUID]:
    """A referrer, and the account that came with its code."""
    referrer = (await shop.create("referrer")).account_id
    return referrer, (await shop.create("friend", referred_by=referral_code_of(referrer))).account_id


async def bought(shop: Shop, account: UUID, key: str = "p", tokens: int = 100, **more: Any) -> GrantEffect:
    request = shop.grant_request(account, key, tokens, source=GrantSource.PURCHASE, **more)
    return granted(await shop.grants.grant_tokens(request))


async def revoked(shop: Shop, account: UUID, effect: GrantEffect) -> None:
    request = RevokeGrantRequest(shop.tenant_id, account, key="back", grant_id=effect.grant.grant_id)
    granted(await shop.grants.revoke_grant(request))


async def rewards(database: Database) -> list[tuple[int, str | None]]:
    rows = await rows_of(database, "SELECT granted, ended FROM token_grant WHERE source = 'REFERRAL'")
    return [(row["granted"] // MICROS, row["ended"]) for row in rows]


async def state_of(database: Database) -> str:
    state: str = await value_of(database, "SELECT state FROM referral")
    return state


async def available(shop: Shop, account: UUID) -> int:
    balance = await shop.reads.balance(shop.tenant_id, account)
    assert balance is not None
    return balance.available // MICROS


class TestTheCode:
    async def test_the_database_derives_the_same_one(self, database: Database, shop: Shop) -> None:
        for number in range(20):
            account = (await shop.create(f"{number}")).account_id
            stored = await value_of(database, "SELECT referral_code FROM account WHERE account_id = $1", account)
            assert stored == referral_code_of(account)

    def test_it_is_16_letters_and_digits_that_nobody_confuses(self) -> None:
        codes = {referral_code_of(uuid4()) for _ in range(1_000)}
        assert len(codes) == 1_000
        assert all(len(code) == 16 and set(code) <= set("23456789CDFGHJKM") for code in codes)

    async def test_it_is_found_however_it_is_typed(self, shop: Shop) -> None:
        referrer = (await shop.create("referrer")).account_id
        code = referral_code_of(referrer)
        assert await shop.referrals.find(shop.tenant_id, f" {code[:4].lower()}-{code[4:]} ") == referrer

    async def test_it_refers_within_its_tenant_only(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        referrer = (await shop.create("referrer")).account_id
        async with open_shop(database, (await a_tenant()).id) as other:
            outcome = await created(other, "friend", referral_code_of(referrer))
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == "referredBy"


async def created(shop: Shop, name: str, code: str) -> Any:
    return await shop.accounts.create(
        shop.tenant_id, external_id=name, name=name, kind=AccountKind.PERSONAL, time_zone="UTC", referred_by=code
    )


class TestWhoMayRefer:
    @pytest.mark.parametrize("code", ["", "no such code", "\x00", "\ud800", "2" * 16, "a" * 100_000])
    async def test_an_unknown_code_makes_no_account(self, database: Database, shop: Shop, code: str) -> None:
        outcome = await created(shop, "friend", code)
        assert isinstance(outcome, InvalidInput)
        assert outcome.field == "referredBy"
        assert await value_of(database, "SELECT count(*) FROM account") == 0

    async def test_nobody_refers_themselves(self, database: Database, shop: Shop) -> None:
        own = referral_code_of((await shop.create("friend")).account_id)
        for name in ("friend", "friend"):
            outcome = await created(shop, name, own.lower())
            assert isinstance(outcome, InvalidInput)
            assert outcome.field == "referredBy"
        assert await value_of(database, "SELECT count(*) FROM referral") == 0

    async def test_an_account_that_is_there_is_not_referred_afterwards(self, database: Database, shop: Shop) -> None:
        friend = (await shop.create("friend")).account_id
        referrer = (await shop.create("referrer")).account_id
        await shop.create("friend", referred_by=referral_code_of(referrer))
        await bought(shop, friend)
        assert await value_of(database, "SELECT count(*) FROM referral") == 0
        assert await rewards(database) == []

    async def test_of_two_who_made_it_at_once_one_is_the_referrer(self, database: Database, shop: Shop) -> None:
        codes = [referral_code_of((await shop.create(name)).account_id) for name in ("one", "two")]
        async with open_shop(database, shop.tenant_id) as elsewhere:
            await asyncio.gather(
                *([shop, elsewhere][n % 2].create("friend", referred_by=codes[n % 2]) for n in range(8))
            )
        assert await value_of(database, "SELECT count(*) FROM referral") == 1


class TestTheReward:
    async def test_it_is_the_policys_share_of_the_first_purchase(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        granted(await shop.grants.grant_tokens(shop.grant_request(friend, "gift", 500)))
        assert await rewards(database) == []

        await bought(shop, friend)

        assert await rewards(database) == [(10, None)]
        assert await available(shop, referrer) == 60
        assert await state_of(database) == "GIVEN"
        assert await contradictions(database) == []

    async def test_it_is_given_once_ever(self, database: Database, shop: Shop) -> None:
        _, friend = await a_pair(shop)
        async with open_shop(database, shop.tenant_id) as elsewhere:
            await asyncio.gather(*(bought([shop, elsewhere][n % 2], friend, f"{n // 2}", 100) for n in range(20)))
        await bought(shop, friend, "later", 1_000)
        await asyncio.gather(*(shop.referrals.attend(shop.tenant_id, friend) for _ in range(5)))
        assert await rewards(database) == [(10, None)]

    async def test_it_is_the_share_of_the_book_in_force_at_the_purchase(self, database: Database, shop: Shop) -> None:
        _, friend = await a_pair(shop)
        await shop.publish(a_source().replace("[policies]", "[policies]\nreferral_percent = 25"))
        await bought(shop, friend)
        assert await rewards(database) == [(25, None)]

    async def test_without_a_share_there_is_none(self, database: Database, shop: Shop) -> None:
        _, friend = await a_pair(shop)
        await shop.publish(a_source())
        await bought(shop, friend)
        await shop.publish(a_source().replace("[policies]", "[policies]\nreferral_percent = 25"))
        await bought(shop, friend, "later")
        assert await rewards(database) == []
        assert await state_of(database) == "WITHHELD"

    def test_a_part_of_a_micro_token_is_not_given(self) -> None:
        assert [reward_of(purchased, 10) for purchased in (0, 9, 10, 19, 12_345_678)] == [0, 0, 1, 1, 1_234_567]
        assert reward_of(MAX_MICROS, 100) == MAX_MICROS


class TestTheSameCard:
    async def test_nothing_for_a_card_that_the_referrer_has_paid_with(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        await bought(shop, referrer, "own", card_fingerprint="card 1")
        await bought(shop, referrer, "own 2", card_fingerprint="card 2")
        await bought(shop, friend, card_fingerprint="card 1")
        assert await rewards(database) == []
        assert await state_of(database) == "WITHHELD"

    async def test_another_card_or_one_of_another_account_earns(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        stranger = (await shop.create("stranger")).account_id
        await bought(shop, referrer, "own", card_fingerprint="card 1")
        await bought(shop, stranger, "own", card_fingerprint="card 2")
        await bought(shop, friend, card_fingerprint="card 2")
        assert await rewards(database) == [(10, None)]

    async def test_a_card_that_is_not_known_earns(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        await bought(shop, referrer, "own")
        await bought(shop, friend)
        assert await rewards(database) == [(10, None)]


class TestTakenBack:
    async def test_with_the_purchase_what_is_unspent_goes(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        await revoked(shop, friend, await bought(shop, friend))
        assert await rewards(database) == [(10, "REVOKED")]
        assert await available(shop, referrer) == 50
        assert await state_of(database) == "TAKEN_BACK"
        assert await contradictions(database) == []

    async def test_a_later_purchase_earns_nothing_any_more(self, database: Database, shop: Shop) -> None:
        _, friend = await a_pair(shop)
        await revoked(shop, friend, await bought(shop, friend))
        await bought(shop, friend, "again")
        assert await rewards(database) == [(10, "REVOKED")]

    async def test_revoking_another_grant_takes_nothing_back(self, database: Database, shop: Shop) -> None:
        _, friend = await a_pair(shop)
        await bought(shop, friend)
        await revoked(shop, friend, await bought(shop, friend, "second"))
        assert await rewards(database) == [(10, None)]

    @pytest.mark.parametrize("revoked_before", [False, True])
    async def test_clawed_back_what_was_spent_of_it_is_owed(
        self, database: Database, shop: Shop, revoked_before: bool
    ) -> None:
        referrer, friend = await a_pair(shop)
        effect = await bought(shop, friend)
        held(await shop.fares.charge(shop.reserve_request(referrer, "all", work=60 * MICROS)))
        if revoked_before:
            await revoked(shop, friend, effect)
        granted(
            await shop.writer.submit(ClawBack(shop.tenant_id, friend, a_key(Mutation.CLAW_BACK), effect.grant.grant_id))
        )
        assert await shop.referrals.finish() == 1
        balance = await shop.reads.balance(shop.tenant_id, referrer)
        assert balance is not None
        assert balance.owed == 10 * MICROS
        assert await rewards(database) == [(10, "CLAWED_BACK")]
        assert await shop.referrals.finish() == 0
        assert await contradictions(database) == []

    async def test_a_reward_that_was_taken_back_by_hand_is_left_alone(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        effect = await bought(shop, friend)
        reward = await value_of(database, "SELECT grant_id FROM token_grant WHERE source = 'REFERRAL'")
        granted(
            await shop.grants.revoke_grant(RevokeGrantRequest(shop.tenant_id, referrer, key="hand", grant_id=reward))
        )
        await revoked(shop, friend, effect)
        assert await state_of(database) == "TAKEN_BACK"


class DyingWriter:
    """A way to the ledger that breaks at a command for the referrer: before it has it, or before it answers."""

    def __init__(self, shop: Shop, at: type[AnyCommand], *, heard: bool) -> None:
        self._shop, self._at, self._heard = shop, at, heard

    async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
        if type(command) is not self._at or riders.purchase is not None:
            return await self._shop.writer.submit(command, riders)
        if self._heard:
            await self._shop.writer.submit(command, riders)
        raise LedgerUnavailable("killed")


def dying(shop: Shop, at: type[AnyCommand], *, heard: bool) -> Shop:
    """The same shop, in a process that dies there."""
    writer: Any = DyingWriter(shop, at, heard=heard)
    referrals = Referrals(shop.database, writer, shop.price_books)
    return replace(shop, grants=Grants(shop.writer, shop.price_books, referrals), referrals=referrals)


class TestKilledOnTheWay:
    @pytest.mark.parametrize("heard", [False, True])
    async def test_a_sweep_gives_what_was_due(self, database: Database, shop: Shop, heard: bool) -> None:
        _, friend = await a_pair(shop)
        await bought(dying(shop, GrantTokens, heard=heard), friend)
        assert await rewards(database) == [(10, None)] * heard
        assert await state_of(database) == "DUE"

        await asyncio.gather(shop.referrals.finish(), shop.referrals.finish())

        assert await rewards(database) == [(10, None)]
        assert await state_of(database) == "GIVEN"
        assert await shop.referrals.finish() == 0

    @pytest.mark.parametrize("heard", [False, True])
    @pytest.mark.parametrize("at", [Settle, RevokeGrant])
    async def test_a_sweep_takes_back_what_was_to_go(
        self, database: Database, shop: Shop, at: type[AnyCommand], heard: bool
    ) -> None:
        _, friend = await a_pair(shop)
        effect = await bought(shop, friend)
        await revoked(dying(shop, at, heard=heard), friend, effect)
        assert await state_of(database) == "TAKING_BACK"

        await shop.referrals.finish()

        assert await rewards(database) == [(10, "REVOKED")]
        assert await state_of(database) == "TAKEN_BACK"

    async def test_a_purchase_taken_back_before_its_reward_was_given_earns_none(
        self, database: Database, shop: Shop
    ) -> None:
        referrer, friend = await a_pair(shop)
        effect = await bought(dying(shop, GrantTokens, heard=False), friend)
        await revoked(shop, friend, effect)
        assert await state_of(database) == "TAKEN_BACK"
        await shop.referrals.finish()
        assert await rewards(database) == []
        assert await available(shop, referrer) == 50

    async def test_a_reward_on_its_way_while_the_purchase_is_taken_back_is_not_given(
        self, database: Database, shop: Shop
    ) -> None:
        _, friend = await a_pair(shop)
        on_its_way, go_on = asyncio.Event(), asyncio.Event()

        class SlowWriter(DyingWriter):
            async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
                on_its_way.set()
                await go_on.wait()
                return await shop.writer.submit(command, riders)

        writer: Any = SlowWriter(shop, GrantTokens, heard=False)
        slow = Referrals(database, writer, shop.price_books)
        effect = await bought(dying(shop, GrantTokens, heard=False), friend)
        giving = asyncio.create_task(slow.attend(shop.tenant_id, friend))
        await on_its_way.wait()
        await revoked(shop, friend, effect)
        go_on.set()
        await giving

        assert await rewards(database) == []
        assert await state_of(database) == "TAKEN_BACK"

    async def test_a_referrer_whose_account_is_full_is_asked_again_later(self, database: Database, shop: Shop) -> None:
        referrer, friend = await a_pair(shop)
        filling = replace(shop.grant_request(referrer, "all", 1), amount=MAX_MICROS - 50 * MICROS - 1)
        granted(await shop.grants.grant_tokens(filling))
        await bought(shop, friend)
        assert (await rewards(database), await shop.referrals.finish()) == ([], 0)

        held(await shop.fares.charge(shop.reserve_request(referrer, "room", work=40 * MICROS)))
        async with database.administration() as connection:
            await connection.execute("UPDATE referral SET attend_at = now()")
        assert await shop.referrals.finish() == 1
        assert await rewards(database) == [(10, None)]


async def test_another_tenant_sees_nothing_of_it(database: Database, shop: Shop, a_tenant: TenantBuilder) -> None:
    _, friend = await a_pair(shop)
    await bought(shop, friend, card_fingerprint="card")
    other = (await a_tenant()).id
    for table in ("referral", "purchase_card"):
        async with database.reader(other) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        async with database.reader(shop.tenant_id) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 1
