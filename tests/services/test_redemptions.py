"""Promo codes redeemed: exactly as often as their caps say, by however many at once, whatever is killed on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import Database
from rules.ledger.commands import AnyCommand, GrantTokens, Settle
from rules.ledger.grants import months_after
from rules.ledger.kinds import GrantSource
from rules.ledger.outcomes import GrantEffect
from rules.ledger.refusals import IdempotencyConflict, NotFound, RateLimited
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from rules.promotions.guessing import ACCOUNT_GUESSES, TENANT_GUESSES
from rules.promotions.promo_codes import PromoAudience, PromoNotActive
from services import redemptions as module
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import NO_RIDERS, LedgerOutcome, Riders
from services.redemptions import RedeemOutcome, Redemptions
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import granted, held, move_clock, of_kind, rows_of, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, open_shop
from tests.services.test_promo_codes import changed, made

CODE = "WELCOME-10"


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def redeemed(shop: Shop, account: UUID, key: str = "k", code: str = CODE) -> RedeemOutcome:
    return await shop.redemptions.redeem(shop.tenant_id, account, key, code)


async def counted(database: Database) -> tuple[int, int, int]:
    """What the code counts, how many claims there are, and how many grants came of them."""
    (row,) = await rows_of(
        database,
        "SELECT (SELECT sum(claimed) FROM promo_code)::int AS counted, (SELECT count(*) FROM promo_claim) AS claims, "
        "(SELECT count(*) FROM token_grant WHERE source = 'PROMO') AS grants",
    )
    return tuple(row.values())


class DyingWriter:
    """A way to the ledger that breaks at a command: before the ledger has it, or before its answer is heard."""

    def __init__(self, shop: Shop, *, at: type[AnyCommand], heard: bool) -> None:
        self._shop, self._at, self._heard = shop, at, heard

    async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
        if not isinstance(command, self._at):
            return await self._shop.writer.submit(command, riders)
        if self._heard:
            await self._shop.writer.submit(command, riders)
        raise LedgerUnavailable("killed")


async def killed(shop: Shop, account: UUID, key: str = "k", *, at: type[AnyCommand] = GrantTokens, heard: bool) -> None:
    writer: Any = DyingWriter(shop, at=at, heard=heard)
    with pytest.raises(LedgerUnavailable):
        await Redemptions(shop.database, writer, shop.price_books).redeem(shop.tenant_id, account, key, CODE)


class TestWhatItGives:
    async def test_the_codes_tokens_with_its_priority_end_and_note(self, database: Database, shop: Shop) -> None:
        await made(shop, CODE, priority=3, note="hello", grant_expires_after_days=2)
        account = await shop.open()

        effect = granted(await redeemed(shop, account))

        grant = effect.grant
        assert (grant.source, grant.granted, grant.priority, grant.note) == (GrantSource.PROMO, 5 * MICROS, 3, "hello")
        assert grant.expires_at is not None
        assert timedelta(0) <= grant.created_at - (grant.expires_at - timedelta(days=2)) < timedelta(seconds=20)
        assert effect.balance.available == 55 * MICROS
        assert await counted(database) == (1, 1, 1)
        assert await contradictions(database) == []

    async def test_without_an_end_of_its_own_the_price_book_says_when_they_end(self, shop: Shop) -> None:
        await made(shop, CODE)
        grant = granted(await redeemed(shop, await shop.open())).grant
        assert grant.expires_at == months_after(grant.created_at, 12)

    async def test_however_it_is_typed(self, shop: Shop) -> None:
        await made(shop, CODE)
        for number, typed in enumerate(("welcome 10", "WELCOME10", "  w-e-l-c-o-m-e-1-0 ")):
            granted(await redeemed(shop, await shop.open(f"{number}"), code=typed))


class TestKeys:
    async def test_fifty_at_once_under_one_key_from_two_processes_are_one(self, database: Database, shop: Shop) -> None:
        await made(shop, CODE, max_per_account=50)
        account = await shop.open()
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(*(redeemed([shop, elsewhere][n % 2], account) for n in range(50)))

        assert sorted(granted(outcome).replayed for outcome in outcomes) == [False] + [True] * 49
        assert await counted(database) == (1, 1, 1)

    async def test_a_key_is_answered_with_its_effect_whatever_became_of_the_code(
        self, database: Database, shop: Shop
    ) -> None:
        code = await made(shop, CODE, max_redemptions=1)
        account = await shop.open()
        first = granted(await redeemed(shop, account))
        await changed(shop, code, active_to=code.created_at)
        for number in range(ACCOUNT_GUESSES.failures_max):
            await redeemed(shop, account, f"{number}", "no such code")

        again = granted(await redeemed(shop, account, code="welcome10"))

        assert (again.replayed, again.grant.grant_id) == (True, first.grant.grant_id)

    async def test_another_code_under_a_known_key_is_a_conflict_whether_it_is_right_or_not(self, shop: Shop) -> None:
        await made(shop, CODE)
        await made(shop, "ANOTHER")
        account = await shop.open()
        granted(await redeemed(shop, account))

        for code in ("ANOTHER", "no such code", "", "\x00", "a" * 300):
            assert await redeemed(shop, account, code=code) == IdempotencyConflict("k")

    async def test_a_refusal_is_not_remembered(self, shop: Shop) -> None:
        account = await shop.open()
        assert await redeemed(shop, account) == PromoNotActive()
        await made(shop, CODE)
        granted(await redeemed(shop, account))

    async def test_a_bad_key_or_code_is_named(self, shop: Shop) -> None:
        account = await shop.open()
        for key, code, field in (
            ("", CODE, "idempotencyKey"),
            ("a" * 256, CODE, "idempotencyKey"),
            ("k", "", "code"),
            ("k", " ", "code"),
            ("k", "a" * 256, "code"),
            ("k", "\ud800abcdef", "code"),
            ("k", "abc\x00def", "code"),
        ):
            outcome = await redeemed(shop, account, key, code)
            assert isinstance(outcome, InvalidInput)
            assert outcome.field == field

    async def test_an_account_that_is_not_there_comes_before_bad_input(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder
    ) -> None:
        await made(shop, CODE)
        assert await redeemed(shop, uuid4(), code="") == NotFound("account")
        async with open_shop(database, (await a_tenant()).id) as other:
            assert await redeemed(shop, await other.open()) == NotFound("account")
            assert await redeemed(other, await other.open()) == PromoNotActive()
        assert await counted(database) == (0, 0, 0)


class TestCaps:
    async def test_the_total_is_exact_for_a_hundred_accounts_at_once(self, database: Database, shop: Shop) -> None:
        await made(shop, CODE, max_redemptions=37)
        accounts = [await shop.open(f"{number}") for number in range(50)]
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(redeemed([shop, elsewhere][n % 2], accounts[n % 50], f"{n // 50}") for n in range(100))
            )

        assert len(of_kind(outcomes, GrantEffect)) == 37
        assert await counted(database) == (37, 37, 37)
        assert await contradictions(database) == []

    async def test_an_accounts_cap_is_exact_and_it_is_told_so(self, database: Database, shop: Shop) -> None:
        await made(shop, CODE, max_per_account=3)
        account = await shop.open()
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(*(redeemed([shop, elsewhere][n % 2], account, f"{n}") for n in range(40)))

        assert len(of_kind(outcomes, GrantEffect)) == 3
        assert [outcome for outcome in outcomes if not isinstance(outcome, GrantEffect)] == [
            PromoNotActive(already_redeemed=True)
        ] * 37
        assert await counted(database) == (3, 3, 3)

    async def test_a_total_never_falls_below_what_was_redeemed(self, shop: Shop) -> None:
        code = await made(shop, CODE, max_redemptions=3)
        for name in ("a", "b"):
            granted(await redeemed(shop, await shop.open(name)))

        lowered = await changed(shop, code, max_redemptions=1)

        assert isinstance(lowered, InvalidInput)
        assert lowered.field == "maxRedemptions"
        await changed(shop, code, max_redemptions=2)
        assert await redeemed(shop, await shop.open("c")) == PromoNotActive()


class TestWhoAndWhen:
    async def test_the_tenants_clock_rules_when_it_begins_and_ends(self, database: Database, shop: Shop) -> None:
        now = (await made(shop, "A clock")).created_at
        await made(shop, CODE, active_from=now + timedelta(days=2), active_to=now + timedelta(days=4))
        account = await shop.open()
        outcomes = []
        for number in range(3):
            outcomes.append(await redeemed(shop, account, f"{number}"))
            await shop.clock.advance(shop.tenant_id, 50 * 3_600)

        assert isinstance(outcomes[1], GrantEffect)
        assert outcomes[0] == PromoNotActive()
        assert outcomes[2] == PromoNotActive(already_redeemed=True)
        assert await redeemed(shop, await shop.open("late")) == PromoNotActive()

    async def test_new_accounts_have_had_no_purchase_not_even_one_that_was_taken_back(self, shop: Shop) -> None:
        await made(shop, CODE, audience=PromoAudience.NEW_ACCOUNTS)
        new, buyer = await shop.open("new", tokens=5), await shop.open("buyer")
        granted(await shop.grants.grant_tokens(shop.grant_request(buyer, "p", 1, source=GrantSource.PURCHASE)))

        granted(await redeemed(shop, new))
        assert await redeemed(shop, buyer) == PromoNotActive()

    async def test_named_accounts_alone(self, shop: Shop) -> None:
        await made(shop, CODE, audience=PromoAudience.ACCOUNTS, account_external_ids=("alice", "later"))
        granted(await redeemed(shop, await shop.open("alice")))
        assert await redeemed(shop, await shop.open("bob")) == PromoNotActive()
        granted(await redeemed(shop, await shop.open("later")))


class TestGuessing:
    async def test_an_account_is_stopped_after_its_failures_and_goes_on_when_they_are_old(self, shop: Shop) -> None:
        await made(shop, CODE)
        account = await shop.open()
        for number in range(ACCOUNT_GUESSES.failures_max):
            assert await redeemed(shop, account, f"{number}", f"wrong {number}") == PromoNotActive()

        limited = await redeemed(shop, account)

        assert isinstance(limited, RateLimited)
        assert ACCOUNT_GUESSES.within_seconds - 30 < limited.retry_after_seconds <= ACCOUNT_GUESSES.within_seconds
        granted(await redeemed(shop, await shop.open("another")))
        await shop.clock.advance(shop.tenant_id, limited.retry_after_seconds)
        granted(await redeemed(shop, account))

    async def test_the_limit_is_exact_across_processes(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(redeemed([shop, elsewhere][n % 2], account, f"{n}", f"wrong {n}") for n in range(60))
            )

        assert len(of_kind(outcomes, PromoNotActive)) == ACCOUNT_GUESSES.failures_max
        assert len(of_kind(outcomes, RateLimited)) == 60 - ACCOUNT_GUESSES.failures_max

    async def test_many_accounts_of_one_guesser_are_stopped_together_and_another_tenant_is_not(
        self, database: Database, shop: Shop, a_tenant: TenantBuilder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "TENANT_GUESSES", replace(TENANT_GUESSES, failures_max=25))
        await made(shop, CODE)
        accounts = [await shop.open(f"{number}") for number in range(10)]
        outcomes = await asyncio.gather(*(redeemed(shop, accounts[n % 10], f"{n}", f"wrong {n}") for n in range(50)))

        assert len(of_kind(outcomes, PromoNotActive)) == 25
        assert isinstance(await redeemed(shop, await shop.open("honest")), RateLimited)
        async with open_shop(database, (await a_tenant()).id) as other:
            await made(other, CODE)
            granted(await redeemed(other, await other.open()))
        await shop.clock.advance(shop.tenant_id, TENANT_GUESSES.within_seconds)
        granted(await redeemed(shop, await shop.open("honest")))

    async def test_asking_again_for_what_one_has_is_no_guess(self, shop: Shop) -> None:
        await made(shop, CODE)
        account = await shop.open()
        granted(await redeemed(shop, account))
        for number in range(2 * ACCOUNT_GUESSES.failures_max):
            assert await redeemed(shop, account, f"{number}") == PromoNotActive(already_redeemed=True)


class TestKilledOnTheWay:
    @pytest.mark.parametrize("heard", [False, True], ids=["before the ledger has it", "before its answer is heard"])
    async def test_the_next_call_under_the_key_finishes_it(self, database: Database, shop: Shop, heard: bool) -> None:
        await made(shop, CODE, max_redemptions=1)
        account = await shop.open()
        await killed(shop, account, heard=heard)
        assert await counted(database) == (1, 1, int(heard))
        assert await redeemed(shop, await shop.open("rival")) == PromoNotActive()

        effect = granted(await redeemed(shop, account))

        assert effect.replayed is heard
        assert await counted(database) == (1, 1, 1)
        assert await value_of(database, "SELECT count(*) FROM promo_claim WHERE grant_id IS NULL") == 0
        assert await contradictions(database) == []

    @pytest.mark.parametrize("heard", [False, True], ids=["before the ledger has it", "before its answer is heard"])
    async def test_a_sweep_finishes_it_when_nobody_asks_again(
        self, database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch, heard: bool
    ) -> None:
        await made(shop, CODE)
        account = await shop.open()
        await killed(shop, account, heard=heard)
        assert await shop.redemptions.finish() == 0, "somebody may still be busy with it"
        monkeypatch.setattr(module, "ABANDONED_SECONDS", 0)

        assert await shop.redemptions.finish() == 1

        assert await counted(database) == (1, 1, 1)
        assert await shop.redemptions.finish() == 0
        assert granted(await redeemed(shop, account)).replayed

    async def test_two_sweeps_and_the_caller_at_once_give_it_once(
        self, database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ABANDONED_SECONDS", 0)
        await made(shop, CODE)
        account = await shop.open()
        await killed(shop, account, heard=False)
        async with open_shop(database, shop.tenant_id) as elsewhere:
            await asyncio.gather(
                shop.redemptions.finish(), elsewhere.redemptions.finish(), redeemed(elsewhere, account)
            )
        assert await counted(database) == (1, 1, 1)

    async def test_another_code_under_the_key_of_an_unfinished_claim_is_a_conflict_once_that_took_effect(
        self, database: Database, shop: Shop
    ) -> None:
        await made(shop, CODE)
        await made(shop, "ANOTHER")
        account = await shop.open()
        await killed(shop, account, heard=False)

        assert await redeemed(shop, account, code="ANOTHER") == IdempotencyConflict("k")
        assert await counted(database) == (1, 1, 1)


class TestRefusedByTheLedger:
    """An account that is full takes no more; what was claimed for it goes back to the code."""

    @pytest.fixture
    async def full(self, shop: Shop) -> UUID:
        account = await shop.open("full")
        room = MAX_MICROS - 50 * MICROS - 1
        request = replace(shop.grant_request(account, "all", 1), amount=room)
        granted(await shop.grants.grant_tokens(request))
        return account

    async def test_it_uses_nothing_up(self, database: Database, shop: Shop, full: UUID) -> None:
        await made(shop, CODE, max_redemptions=1)

        outcome = await redeemed(shop, full)

        assert isinstance(outcome, InvalidInput)
        assert await counted(database) == (0, 0, 0)
        granted(await redeemed(shop, await shop.open("another")))

    async def test_killed_before_it_is_given_back_a_sweep_gives_it_back(
        self, database: Database, shop: Shop, full: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ABANDONED_SECONDS", 0)
        await made(shop, CODE, max_redemptions=1)
        for number, heard in enumerate((False, True)):
            await killed(shop, full, f"{number}", at=Settle, heard=heard)
            assert (await counted(database))[:2] == (1, 1)
            await shop.redemptions.finish()
            assert await counted(database) == (0, 0, 0)

    async def test_a_grant_that_comes_after_the_claim_was_given_back_is_none(
        self, database: Database, shop: Shop, full: UUID
    ) -> None:
        """One call is refused and gives the claim back while another is on its way with the same grant."""
        await made(shop, CODE, max_redemptions=1)

        class SlowWriter(DyingWriter):
            async def submit(self, command: AnyCommand, riders: Riders = NO_RIDERS) -> LedgerOutcome:
                if isinstance(command, GrantTokens) and not on_its_way.is_set():
                    on_its_way.set()
                    await go_on.wait()
                return await shop.writer.submit(command, riders)

        on_its_way, go_on = asyncio.Event(), asyncio.Event()
        writer: Any = SlowWriter(shop, at=Settle, heard=True)
        slow = asyncio.create_task(
            Redemptions(database, writer, shop.price_books).redeem(shop.tenant_id, full, "k", CODE)
        )
        await on_its_way.wait()
        assert isinstance(await redeemed(shop, full), InvalidInput)
        other = await shop.open("another")
        granted(await redeemed(shop, other))
        # Room is made, so that the late grant would go through if nothing else kept it back.
        held(await shop.fares.charge(shop.reserve_request(full, "spend", work=40 * MICROS)))
        go_on.set()

        assert await slow == PromoNotActive()
        assert await counted(database) == (1, 1, 1)


async def test_the_tenants_second_wall_keeps_claims_and_guesses_apart(
    database: Database, shop: Shop, a_tenant: TenantBuilder
) -> None:
    await made(shop, CODE)
    granted(await redeemed(shop, await shop.open()))
    await move_clock(database, shop.tenant_id, 1)
    other = await a_tenant()
    for table in ("promo_code", "promo_claim", "promo_guesses"):
        async with database.reader(other.id) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        async with database.reader(shop.tenant_id) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 0
