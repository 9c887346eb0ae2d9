"""Closing an account, and settling what one owes, on the real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from models.account import AccountKind
from models.database import Database
from rules.identity import account_id_of
from rules.ledger.grants import CLOSED
from rules.ledger.kinds import EntryKind, HoldState
from rules.ledger.records import EntryFilter, Estimated, Slice
from rules.ledger.refusals import AccountFrozen, IdempotencyConflict, NotFound
from rules.ledger.requests import AffordableRequest, EstimateRequest, SettleOwedRequest
from rules.pricing.affordable import Affordable
from rules.pricing.refusals import InvalidInput
from rules.pricing.tokens import MICROS
from services.accounts import AccountRecord
from services.ledger.audit import audit
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import Cashier, held
from tests.services.shop import Shop, a_line, open_shop

NO_MORE_WORK = AccountFrozen(closed=True)


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def close(shop: Shop, account: UUID, **more: Any) -> AccountRecord:
    closed = await shop.accounts.close(shop.tenant_id, account, **more)
    assert isinstance(closed, AccountRecord), closed
    assert closed.closed_at is not None
    return closed


async def notes(shop: Shop, account: UUID) -> list[str | None]:
    wanted = EntryFilter(kinds=frozenset({EntryKind.ADJUSTMENT, EntryKind.SETTLEMENT}))
    page = await shop.reads.entries(shop.tenant_id, account, Slice(50), wanted)
    return [entry.note for entry in reversed(page.rows)]


class TestAClosedAccount:
    async def test_has_nothing_left_and_finishes_what_was_begun(self, database: Database, shop: Shop) -> None:
        account = await shop.open(tokens=100)
        committed, released = [
            held(await shop.fares.reserve(shop.reserve_request(account, f"r{number}", a_line(count=2)))).hold.hold_id
            for number in range(2)
        ]
        await close(shop, account, note="moved away")
        assert await notes(shop, account) == ["closed: moved away"]
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        assert (balance.total, balance.held, balance.available) == (32 * MICROS, 32 * MICROS, 0)

        commit = await shop.fares.commit(shop.commit_request(account, "c", committed, a_line()))
        assert held(commit).amount == 8 * MICROS
        release = await shop.fares.release(shop.release_request(account, "r", released))
        assert held(release).hold.state is HoldState.RELEASED
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        assert (balance.total, balance.available) == (0, 0)
        assert await audit(database) == ()

    async def test_is_closed_once_whoever_says_so_how_often(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        async with open_shop(database, shop.tenant_id) as other:
            closed = await asyncio.gather(*(close((shop, other)[number % 2], account) for number in range(10)))
        assert len({record.closed_at for record in closed}) == 1
        assert await notes(shop, account) == ["closed"]

    async def test_takes_no_work_and_no_tokens_and_no_setting(self, shop: Shop) -> None:
        account = await shop.open()
        await close(shop, account)
        refused = InvalidInput("accountId", CLOSED)
        assert await shop.fares.reserve(shop.reserve_request(account, "r")) == NO_MORE_WORK
        assert await shop.fares.charge(shop.reserve_request(account, "c")) == NO_MORE_WORK
        assert await shop.grants.grant_tokens(shop.grant_request(account, "g")) == refused
        for change in ({"name": "New"}, {"frozen": False}, {"credit_limit": 5}, {"plan_id": None}):
            assert await shop.accounts.update(shop.tenant_id, account, **change) == refused, change

    async def test_says_so_before_the_work(self, shop: Shop) -> None:
        account = await shop.open()
        await close(shop, account)
        estimated = await shop.fares.estimate(EstimateRequest(shop.tenant_id, (a_line(),), account))
        assert isinstance(estimated, Estimated)
        assert estimated.blockers[0] == NO_MORE_WORK
        request = AffordableRequest(shop.tenant_id, account, "upscale", "count")
        assert await shop.fares.affordable(request) == Affordable(None, False, None, "closed")

    async def test_is_what_creating_it_again_answers_with(self, shop: Shop) -> None:
        account = await shop.open("alice")
        closed = await close(shop, account)
        again = await shop.accounts.create(
            shop.tenant_id, external_id="alice", name="Alice", kind=AccountKind.PERSONAL, time_zone="UTC"
        )
        assert again == closed

    async def test_of_another_tenant_is_not_found(self, shop: Shop, a_tenant: TenantBuilder) -> None:
        stranger = await Cashier(shop.writer, (await a_tenant()).id).open("stranger")
        for account in (stranger, account_id_of(shop.tenant_id, "nobody")):
            assert await shop.accounts.close(shop.tenant_id, account) == NotFound("account")

    async def test_is_not_closed_by_bad_input(self, shop: Shop) -> None:
        account = await shop.open()
        refused = await shop.accounts.close(shop.tenant_id, account, note="x" * 2_001)
        assert isinstance(refused, InvalidInput)
        assert refused.field == "note"
        record = await shop.accounts.get(shop.tenant_id, account)
        assert record is not None
        assert record.closed_at is None


class TestSettlingWhatIsOwed:
    @pytest.fixture
    async def debtor(self, shop: Shop) -> UUID:
        """50 tokens of the trial spent, and 30 on a credit line of 100."""
        account = await shop.open()
        await shop.accounts.update(shop.tenant_id, account, credit_limit=100 * MICROS)
        held(await shop.fares.charge(shop.reserve_request(account, "c", a_line(count=10))))
        return account

    def request(self, shop: Shop, account: UUID, tokens: int, *, key: str = "s", **more: Any) -> SettleOwedRequest:
        return SettleOwedRequest(shop.tenant_id, account, key, tokens * MICROS, **more)

    async def test_takes_it_off_once_for_a_key(self, database: Database, shop: Shop, debtor: UUID) -> None:
        for _ in range(3):
            settled = await shop.accounts.settle_owed(self.request(shop, debtor, 20, note="bank"))
            assert isinstance(settled, AccountRecord)
        balance = await shop.reads.balance(shop.tenant_id, debtor)
        assert balance is not None
        assert (balance.owed, balance.available) == (10 * MICROS, 90 * MICROS)
        assert (await notes(shop, debtor))[-1] == "bank"
        assert await shop.accounts.settle_owed(self.request(shop, debtor, 21)) == IdempotencyConflict("s")
        assert await audit(database) == ()

    @pytest.mark.parametrize("tokens", [0, -1, 31])
    async def test_refuses_nothing_less_and_more_than_is_owed(self, shop: Shop, debtor: UUID, tokens: int) -> None:
        refused = await shop.accounts.settle_owed(self.request(shop, debtor, tokens))
        assert isinstance(refused, InvalidInput)
        assert refused.field == "amount"

    async def test_refuses_a_bad_key_and_an_account_that_is_not_there(self, shop: Shop, debtor: UUID) -> None:
        refused = await shop.accounts.settle_owed(self.request(shop, debtor, 1, key=""))
        assert isinstance(refused, InvalidInput)
        assert refused.field == "idempotencyKey"
        nobody = account_id_of(shop.tenant_id, "nobody")
        assert await shop.accounts.settle_owed(self.request(shop, nobody, -1)) == NotFound("account")

    async def test_many_at_the_same_time_settle_no_more_than_is_owed(
        self, database: Database, shop: Shop, debtor: UUID
    ) -> None:
        answers = await asyncio.gather(
            *(shop.accounts.settle_owed(self.request(shop, debtor, 7, key=f"s{number}")) for number in range(10))
        )
        assert sum(isinstance(answer, AccountRecord) for answer in answers) == 4
        balance = await shop.reads.balance(shop.tenant_id, debtor)
        assert balance is not None
        assert balance.owed == 2 * MICROS
        assert await audit(database) == ()
