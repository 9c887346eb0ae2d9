"""Tokens that a tenant moves between its accounts: there once, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from models.database import Database
from models.unavailable import DatabaseUnreachable
from rules.identity import account_id_of
from rules.ledger.commands import AnyCommand, ClawBack, SendTokens
from rules.ledger.grants import CLOSED
from rules.ledger.kinds import GrantSource, Mutation
from rules.ledger.outcomes import GrantEffect
from rules.ledger.records import Slice
from rules.ledger.refusals import IdempotencyConflict, InsufficientTokens, NotFound
from rules.ledger.state import Grant
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MAX_MICROS, MICROS
from services import transfers as transfers_module
from services.ledger.audit import audit
from services.ledger.lane import LedgerUnavailable
from services.ledger.submission import LedgerOutcome
from services.ledger.sweeper import Sweeper
from services.ledger.transfers import bring_transfers
from services.ledger.writer import Writer
from tests.conftest import TenantBuilder
from tests.patience import eventually
from tests.services.ledger.cashier import Cashier, a_key, granted, move_clock, value_of
from tests.services.ledger.sums import contradictions
from tests.services.shop import Shop, open_shop

WAITING = "SELECT count(*) FROM outbox WHERE done_at IS NULL"


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


@pytest.fixture
async def pair(shop: Shop) -> tuple[UUID, UUID]:
    """A giver with 50 tokens of the trial and 100 more, and a taker with the trial's 50."""
    return await shop.open("giver", tokens=100), await shop.open("taker")


async def total(shop: Shop, account: UUID) -> int:
    balance = await shop.reads.balance(shop.tenant_id, account)
    assert balance is not None
    return balance.total // MICROS


async def lots(shop: Shop, account: UUID) -> list[Grant]:
    """What came by transfers, oldest first."""
    page = await shop.reads.grants(shop.tenant_id, account, Slice(100), active_only=False)
    return [lot for lot in reversed(page.rows) if lot.source is GrantSource.TRANSFER]


async def send(shop: Shop, source: UUID, target: UUID, tokens: int, *, key: str = "t", **more: Any) -> Any:
    return await shop.transfers.transfer_tokens(shop.transfer_request(source, key, target, tokens, **more))


async def debit_alone(shop: Shop, source: UUID, target: UUID, tokens: int, key: str = "crash") -> None:
    """What a process leaves that dies right after the debit's commit."""
    once = a_key(Mutation.TRANSFER_TOKENS, key)
    granted(await shop.writer.submit(SendTokens(shop.tenant_id, source, once, tokens * MICROS, target)))


class TestATransfer:
    async def test_is_there_when_it_is_answered(self, database: Database, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        giver, taker = pair
        effect = await send(shop, giver, taker, 120, note="for the film")
        assert isinstance(effect, GrantEffect)
        assert (effect.replayed, effect.balance.account_id, effect.balance.total) == (False, giver, 30 * MICROS)
        assert (await total(shop, giver), await total(shop, taker)) == (30, 170)
        assert await value_of(database, WAITING) == 0
        assert await audit(database) == ()

    async def test_keeps_expiry_priority_and_money(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        giver, taker = pair
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
        await shop.grants.grant_tokens(
            shop.grant_request(giver, "g", 10, priority=3, expires_at=expires_at, source=GrantSource.PURCHASE)
        )
        await send(shop, giver, taker, 15)
        first, second = await lots(shop, taker)
        assert (first.granted, first.priority, first.expires_at) == (10 * MICROS, 3, expires_at)
        assert (second.granted, second.priority) == (5 * MICROS, 50)

    async def test_happens_once_for_a_key(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        giver, taker = pair
        first, again = [await send(shop, giver, taker, 10, note="n") for _ in range(2)]
        assert (first.replayed, again.replayed, again.grant.grant_id) == (False, True, first.grant.grant_id)
        assert await send(shop, giver, taker, 11) == IdempotencyConflict("t")
        assert await send(shop, giver, giver, 10) == IdempotencyConflict("t")
        assert await total(shop, taker) == 60

    async def test_is_answered_again_after_the_target_was_closed(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        giver, taker = pair
        await send(shop, giver, taker, 10)
        await shop.accounts.close(shop.tenant_id, taker)
        assert (await send(shop, giver, taker, 10)).replayed


class TestItIsRefusedBeforeAnythingIsDone:
    @pytest.mark.parametrize("tokens", [0, -1, MAX_MICROS])
    async def test_for_an_amount_that_cannot_be(self, shop: Shop, pair: tuple[UUID, UUID], tokens: int) -> None:
        refused = await send(shop, *pair, tokens)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "amount"

    async def test_to_oneself(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        refused = await send(shop, pair[0], pair[0], 1)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "toAccountId"

    async def test_to_or_from_nobody_or_another_tenant(
        self, shop: Shop, pair: tuple[UUID, UUID], a_tenant: TenantBuilder
    ) -> None:
        stranger = await Cashier(shop.writer, (await a_tenant()).id).open("stranger", tokens=100)
        for other in (account_id_of(shop.tenant_id, "nobody"), stranger):
            assert await send(shop, pair[0], other, 1) == NotFound("account")
            assert await send(shop, other, pair[0], 1) == NotFound("account")

    async def test_to_or_from_a_closed_account(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        await shop.accounts.close(shop.tenant_id, pair[1])
        assert await send(shop, pair[0], pair[1], 1) == InvalidInput("toAccountId", CLOSED)
        assert await send(shop, pair[1], pair[0], 1) == InvalidInput("fromAccountId", CLOSED)

    async def test_of_more_than_there_is(self, database: Database, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        assert await send(shop, *pair, 151) == InsufficientTokens(151 * MICROS, 150 * MICROS)
        assert await value_of(database, "SELECT count(*) FROM outbox") == 0

    async def test_of_more_than_the_other_can_count(self, shop: Shop, pair: tuple[UUID, UUID]) -> None:
        room = (MAX_MICROS // MICROS) - 50
        assert isinstance(await shop.grants.grant_tokens(shop.grant_request(pair[1], "g", room - 10)), GrantEffect)
        refused = await send(shop, *pair, 11)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "amount"


class TestWhatACrashLeaves:
    async def test_is_on_its_way_and_counted_and_then_brought(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        giver, taker = pair
        await debit_alone(shop, giver, taker, 120)
        assert (await total(shop, giver), await total(shop, taker)) == (30, 50)
        assert await audit(database) == ()
        assert await bring_transfers(database, shop.writer) == 1
        assert (await total(shop, giver), await total(shop, taker)) == (30, 170)
        assert await bring_transfers(database, shop.writer) == 0
        assert await audit(database) == ()

    async def test_after_the_credit_is_not_credited_again(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        await send(shop, *pair, 120)
        async with database.administration() as connection:
            await connection.execute("UPDATE outbox SET done_at = NULL")
        assert await audit(database) == ()
        assert await bring_transfers(database, shop.writer) == 1
        assert await total(shop, pair[1]) == 170

    async def test_is_brought_once_by_several_processes_at_the_same_time(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        for number in range(20):
            await debit_alone(shop, *pair, 5, f"crash {number}")
        async with Writer(database) as second, Writer(database) as third:
            await asyncio.gather(*(bring_transfers(database, writer) for writer in (shop.writer, second, third) * 3))
        assert (await total(shop, pair[0]), await total(shop, pair[1])) == (50, 150)
        assert await value_of(database, WAITING) == 0
        assert await audit(database) == ()

    async def test_is_finished_by_the_sweeper(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.ledger.sweeper.SWEEP_SECONDS", 0.02)
        await debit_alone(shop, *pair, 10)
        async with Sweeper(database, shop.writer):

            async def arrived() -> bool:
                return bool(await value_of(database, WAITING) == 0)

            await eventually(arrived)
        assert await total(shop, pair[1]) == 60

    async def test_is_answered_although_nobody_could_bring_it_yet(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise DatabaseUnreachable("away")

        monkeypatch.setattr(transfers_module, "bring_transfer", fail)
        assert isinstance(await send(shop, *pair, 10), GrantEffect)
        assert await bring_transfers(database, shop.writer) == 1
        assert await total(shop, pair[1]) == 60

    async def test_comes_back_where_the_target_was_closed_meanwhile(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        giver, taker = pair
        await debit_alone(shop, giver, taker, 120)
        await shop.accounts.close(shop.tenant_id, taker)
        assert await bring_transfers(database, shop.writer) == 1
        assert (await total(shop, giver), await total(shop, taker)) == (150, 0)
        assert sum(lot.granted for lot in await lots(shop, giver)) == 120 * MICROS
        assert await audit(database) == ()

    async def test_is_revoked_where_both_were_closed_meanwhile(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        await debit_alone(shop, *pair, 120)
        for account in pair:
            await shop.accounts.close(shop.tenant_id, account)
        assert await bring_transfers(database, shop.writer) == 1
        assert await total(shop, pair[0]) == 0
        assert await audit(database) == ()

    async def test_ends_on_arrival_where_its_time_ended_on_the_way(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        giver, taker = pair
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        await shop.grants.grant_tokens(shop.grant_request(giver, "g", 10, expires_at=expires_at))
        await debit_alone(shop, giver, taker, 15)
        await move_clock(database, shop.tenant_id, 3_700)
        assert await bring_transfers(database, shop.writer) == 1
        expired, alive = await lots(shop, taker)
        assert (expired.expires_at, expired.remaining, expired.expired) == (expires_at, 0, 10 * MICROS)
        assert alive.remaining == 5 * MICROS
        assert await audit(database) == ()


async def test_what_was_sent_of_a_disputed_purchase_is_owed_by_who_bought_it(
    database: Database, shop: Shop, pair: tuple[UUID, UUID]
) -> None:
    giver, taker = pair
    bought = granted(
        await shop.grants.grant_tokens(shop.grant_request(giver, "p", 200, source=GrantSource.PURCHASE, priority=1))
    ).grant.grant_id
    await send(shop, giver, taker, 180)
    granted(await shop.writer.submit(ClawBack(shop.tenant_id, giver, a_key(Mutation.CLAW_BACK), bought)))
    balance = await shop.reads.balance(shop.tenant_id, giver)
    assert balance is not None
    assert (balance.total, balance.owed, balance.available) == (150 * MICROS, 180 * MICROS, 0)
    assert await total(shop, taker) == 230
    assert isinstance(await send(shop, giver, taker, 1, key="more"), InsufficientTokens)
    assert await audit(database) == ()


class TestWhatCannotBeBroughtYet:
    async def test_makes_room_for_what_can(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.ledger.transfers.TRANSFERS_MAX", 2)
        giver, taker = pair
        full = await a_full_account(shop)
        for number in range(3):
            await debit_alone(shop, giver, full, 1, f"stuck {number}")
        await debit_alone(shop, giver, taker, 10)
        assert [await bring_transfers(database, shop.writer) for _ in range(3)] == [0, 1, 0]
        assert await total(shop, taker) == 60
        assert await value_of(database, WAITING) == 3
        assert await audit(database) == ()

    async def test_is_tried_again_twice_as_late_each_time_up_to_an_hour(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        await debit_alone(shop, pair[0], await a_full_account(shop), 1)
        waits = []
        for _ in range(12):
            assert await bring_transfers(database, shop.writer) == 0
            waits.append(
                await value_of(database, "SELECT extract(epoch FROM retry_at - clock_timestamp()) FROM outbox")
            )
            await make_due(database)
        expected = [min(5 * 2**tries, 3_600) for tries in range(12)]
        assert [round(float(wait)) for wait in waits] == pytest.approx(expected, abs=3)

    async def test_arrives_as_soon_as_it_can_when_its_turn_comes(
        self, database: Database, shop: Shop, pair: tuple[UUID, UUID]
    ) -> None:
        full = await a_full_account(shop)
        await debit_alone(shop, pair[0], full, 1)
        assert await bring_transfers(database, shop.writer) == 0
        await shop.fares.charge(shop.reserve_request(full, "room", work=10 * MICROS))
        assert await bring_transfers(database, shop.writer) == 0, "its turn has not come"
        await make_due(database)
        assert await bring_transfers(database, shop.writer) == 1
        assert await value_of(database, WAITING) == 0
        assert await audit(database) == ()

    @pytest.mark.parametrize("error", [LedgerUnavailable("busy"), DatabaseUnreachable("away"), RuntimeError("a bug")])
    async def test_keeps_no_other_from_arriving(
        self,
        database: Database,
        shop: Shop,
        pair: tuple[UUID, UUID],
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
    ) -> None:
        giver, taker = pair
        third = await shop.open("third")
        for number, target in enumerate((third, taker, third)):
            await debit_alone(shop, giver, target, 10, f"{number}")
        submit = Writer.submit

        async def fails_for_the_third(writer: Writer, command: AnyCommand, *more: Any) -> LedgerOutcome:
            if command.account_id == third:
                raise error
            return await submit(writer, command, *more)

        with monkeypatch.context() as patch:
            patch.setattr(Writer, "submit", fails_for_the_third)
            assert await bring_transfers(database, shop.writer) == 1
        assert (await total(shop, taker), await value_of(database, WAITING)) == (60, 2)
        await make_due(database)
        assert await bring_transfers(database, shop.writer) == 2
        assert await total(shop, third) == 70
        assert await audit(database) == ()


async def a_full_account(shop: Shop) -> UUID:
    """It cannot count a single token more."""
    full = await shop.open("full")
    room = MAX_MICROS // MICROS - 50
    assert isinstance(await shop.grants.grant_tokens(shop.grant_request(full, "g", room)), GrantEffect)
    return full


async def make_due(database: Database) -> None:
    """The turn of whatever is postponed has come."""
    async with database.administration() as connection:
        await connection.execute("UPDATE outbox SET retry_at = clock_timestamp() WHERE done_at IS NULL")


async def test_crowds_that_send_to_and_fro_lose_nothing_and_wait_for_nobody(
    database: Database, shop: Shop, pair: tuple[UUID, UUID]
) -> None:
    dice = Random(11)
    third = await shop.open("third", tokens=50)
    accounts = (*pair, third)
    async with open_shop(database, shop.tenant_id) as other:

        async def one(number: int) -> object:
            source, target = dice.sample(accounts, 2)
            where = (shop, other)[number % 2]
            return await send(where, source, target, dice.randint(1, 30), key=f"k{number}")

        answers = await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(120))), 60)
        await bring_transfers(database, shop.writer)

    assert {type(answer) for answer in answers} <= {GrantEffect, InsufficientTokens}
    assert sum(isinstance(answer, GrantEffect) for answer in answers) > 20
    assert sum([await total(shop, account) for account in accounts]) == 300
    assert await value_of(database, WAITING) == 0
    assert await contradictions(database) == []
