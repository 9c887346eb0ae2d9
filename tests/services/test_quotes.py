"""Quotes as callers use them: a price that holds across a publish, for a while, for those it was made for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from models.database import Database
from rules.identity import IdKind, public_id
from rules.ledger.kinds import HoldState
from rules.ledger.outcomes import HoldEffect
from rules.ledger.records import Quote
from rules.ledger.refusals import (
    AccountFrozen,
    HoldNotOpen,
    IdempotencyConflict,
    InsufficientTokens,
    NotFound,
    QuoteExpired,
)
from rules.ledger.requests import EstimateRequest, Quoted, Work
from rules.pricing.rating import LineRequest, Priced, Purpose, price_lines
from rules.pricing.refusals import InvalidInput, InvalidParams, UnknownModel
from rules.pricing.tokens import MICROS
from services import quotes
from services.ledger.audit import audit
from services.quotes import delete_old_quotes
from tests.conftest import TenantBuilder
from tests.rules.pricing.books import PRICE_BOOKS
from tests.services.ledger.cashier import Cashier, held, move_clock, of_kind, rows_of, value_of
from tests.services.shop import Shop, a_line, a_source, open_shop
from tests.services.test_affordable import a_value

MINUTES_15 = 900


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def quoted(shop: Shop, account: UUID | None, *lines: LineRequest, amount: int | None = None) -> Quote:
    work: Work = lines or (a_line("picture"),) if amount is None else amount
    quote = await shop.fares.quote(EstimateRequest(shop.tenant_id, work, account))
    assert isinstance(quote, Quote), quote
    return quote


def work_of(quote: Quote) -> Quoted:
    return Quoted(public_id(IdKind.QUOTE, quote.owner_id, quote.number))


async def reserved(shop: Shop, account: UUID, key: str, quote: Quote, **more: Any) -> Any:
    return await shop.fares.reserve(shop.reserve_request(account, key, work=work_of(quote), **more))


async def charged(shop: Shop, account: UUID, key: str, quote: Quote, **more: Any) -> Any:
    return await shop.fares.charge(shop.reserve_request(account, key, work=work_of(quote), **more))


async def extended(shop: Shop, account: UUID, key: str, hold: int, quote: Quote, **more: Any) -> Any:
    return await shop.fares.extend(shop.extend_request(account, key, hold, work=work_of(quote), **more))


class TestThePriceHolds:
    async def test_for_fifteen_minutes_of_the_tenants_clock(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        await move_clock(database, shop.tenant_id, 86_400)
        before = await now_of(database, shop)

        quote = await quoted(shop, account)

        assert before <= quote.expires_at - timedelta(seconds=MINUTES_15) <= await now_of(database, shop)
        assert (quote.owner_id, quote.estimated.total) == (account, 10 * MICROS)

    async def test_for_as_long_as_the_price_book_says(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        await shop.publish(a_source().replace("[policies]", "[policies]\nquote_ttl_seconds = 60"))
        before = await now_of(database, shop)

        quote = await quoted(shop, account)

        assert before <= quote.expires_at - timedelta(seconds=60) <= await now_of(database, shop)

    async def test_whatever_is_published_meanwhile(self, database: Database, shop: Shop) -> None:
        account = await shop.open(tokens=1_000)
        quote = await quoted(shop, account, a_line("picture", 2, ref="n1", steps=50, quality="fine"), a_line())
        assert quote.estimated.total == 56 * MICROS
        await shop.publish(a_source(picture=100))
        await shop.publish(a_source().replace('"Picture"', '"Painting"'))

        hold = held(await reserved(shop, account, "r", quote)).hold
        spent = held(await charged(shop, account, "c", quote))

        assert (hold.amount, hold.price_book_version) == (56 * MICROS, 1)
        assert (spent.amount, spent.hold.price_book_version) == (56 * MICROS, 1)
        # What is used is priced at the quote's version too.
        line = a_line("picture", 1, ref="n1", steps=50, quality="fine")
        used = held(await shop.fares.commit(shop.commit_request(account, "c", hold.hold_id, line)))
        assert used.amount == 24 * MICROS
        shown = [(line["ref"], line["model"], line["count"], line["cost"]) for line in await captured(database)]
        assert shown == [
            ("n1", "picture", 2, 48 * MICROS),
            (None, "upscale", 1, 8 * MICROS),
            ("n1", "picture", 1, 24 * MICROS),
        ]
        assert await audit(database) == ()

    async def test_although_the_price_fell(self, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account)
        await shop.publish(a_source(picture=1))

        assert held(await reserved(shop, account, "r", quote)).hold.amount == 10 * MICROS

    async def test_of_a_plain_amount_too(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account, amount=7 * MICROS)
        await shop.publish(a_source(picture=100))

        hold = held(await reserved(shop, account, "r", quote)).hold

        assert (hold.amount, hold.lines_json, hold.price_book_version) == (7 * MICROS, "[]", 1)
        assert held(await charged(shop, account, "c", quote)).amount == 7 * MICROS

    async def test_for_any_account_where_none_was_in_scope(self, shop: Shop) -> None:
        quote = await quoted(shop, None)
        assert (quote.owner_id, quote.estimated.affordable) == (shop.tenant_id, None)

        for name in ("one", "two"):
            assert held(await reserved(shop, await shop.open(name), "r", quote)).hold.amount == 10 * MICROS

    async def test_and_what_is_set_aside_is_the_bound_while_a_charge_takes_the_cost(
        self, database: Database, shop: Shop
    ) -> None:
        await shop.publish(a_source(more=FALLING))
        account = await shop.open(tokens=1_000)
        quote = await quoted(shop, account, a_line("bulk", units=11))
        assert quote.estimated.total == await value_of(database, "SELECT total FROM quote") == 11 * MICROS

        assert held(await reserved(shop, account, "r", quote)).hold.amount == 20 * MICROS
        assert held(await charged(shop, account, "c", quote)).amount == 11 * MICROS


@pytest.mark.parametrize("slug", sorted(path.stem for path in PRICE_BOOKS.glob("*.toml")))
async def test_the_price_of_every_shipped_price_holds_to_the_unit(database: Database, shop: Shop, slug: str) -> None:
    book = (await shop.publish((PRICE_BOOKS / f"{slug}.toml").read_text(encoding="utf-8"))).book
    dice = random.Random(slug)
    account = await Cashier(shop.writer, shop.tenant_id).open("rider", tokens=10**9 * MICROS)
    await shop.lift(account, book)
    works = []
    for price in book.prices:
        params = {dimension.name: a_value(dimension, dice) for dimension in price.dimensions}
        line = LineRequest(price.model, params, dice.randint(1, 3), "node")
        bound, cost = (price_lines(book, (line,), purpose=purpose) for purpose in (Purpose.RESERVE, Purpose.ESTIMATE))
        if isinstance(bound, Priced) and isinstance(cost, Priced):
            works.append((await quoted(shop, account, line), bound.total, cost.total))
    await shop.publish(a_source())

    for number, (quote, bound_micros, cost_micros) in enumerate(works):
        assert held(await reserved(shop, account, f"{number}", quote)).hold.amount == bound_micros
        if cost_micros:
            assert held(await charged(shop, account, f"{number}", quote)).amount == cost_micros

    assert len(works) > len(book.prices) // 2
    assert await audit(database) == ()


class TestItIsRefused:
    async def test_from_its_end_on(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "h", ttl_seconds=3_600))).hold.hold_id
        quote = await quoted(shop, account)
        await shop.clock.advance(shop.tenant_id, MINUTES_15 - 30)
        held(await reserved(shop, account, "in time", quote))
        await shop.clock.advance(shop.tenant_id, 30)

        expired = QuoteExpired(quote.expires_at)
        assert await reserved(shop, account, "late", quote) == expired
        assert await charged(shop, account, "late", quote) == expired
        assert await extended(shop, account, "late", hold, quote) == expired

    async def test_but_a_retry_of_what_took_effect_is_answered(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account)
        first = held(await reserved(shop, account, "k", quote, ttl_seconds=86_400))
        spent = held(await charged(shop, account, "k", quote))
        more = held(await extended(shop, account, "k", first.hold.hold_id, quote))
        await shop.clock.advance(shop.tenant_id, MINUTES_15)
        await forget_all_quotes(database)

        again = held(await reserved(shop, account, "k", quote, ttl_seconds=86_400))
        assert (again.replayed, again.hold.hold_id) == (True, first.hold.hold_id)
        assert held(await charged(shop, account, "k", quote)).amount == spent.amount
        assert held(await extended(shop, account, "k", first.hold.hold_id, quote)).hold == more.hold
        assert await reserved(shop, account, "other", quote) == NotFound("quote")

    async def test_to_another_account_of_the_tenant(self, shop: Shop) -> None:
        quote = await quoted(shop, await shop.open("one"))

        assert await reserved(shop, await shop.open("two"), "r", quote) == NotFound("quote")

    async def test_to_another_tenant(self, database: Database, shop: Shop, a_tenant: TenantBuilder) -> None:
        quotes_here = [await quoted(shop, await shop.open()), await quoted(shop, None)]
        async with open_shop(database, (await a_tenant()).id) as elsewhere:
            account = await elsewhere.open()
            for quote in quotes_here:
                assert await reserved(elsewhere, account, "r", quote) == NotFound("quote")
                assert await charged(elsewhere, account, "r", quote) == NotFound("quote")

    async def test_where_there_is_none(self, shop: Shop) -> None:
        account = await shop.open()
        real = await quoted(shop, account)
        known = work_of(real).quote_id
        for text in (
            "",
            "quote",
            "quote_",
            known[:-1],
            known + "A",
            known.upper(),
            "quote_" + "A" * 100_000,
            "\x00",
            "\ud800",
            public_id(IdKind.HOLD, account, real.number),
            public_id(IdKind.QUOTE, account, real.number % (2**63 - 1) + 1),
            public_id(IdKind.QUOTE, shop.tenant_id, real.number),
            public_id(IdKind.QUOTE, uuid4(), real.number),
        ):
            request = shop.reserve_request(account, "r", work=Quoted(text))
            assert await shop.fares.reserve(request) == NotFound("quote"), text
            assert await shop.fares.charge(request) == NotFound("quote"), text

    async def test_with_an_account_that_is_not_there_that_is_told(self, shop: Shop) -> None:
        quote = await quoted(shop, None)

        assert await reserved(shop, uuid4(), "r", quote) == NotFound("account")
        nobody = EstimateRequest(shop.tenant_id, (a_line(),), uuid4())
        assert await shop.fares.quote(nobody) == NotFound("account")

    async def test_before_bad_input_and_after_a_known_key(self, shop: Shop) -> None:
        account = await shop.open()
        held(await shop.fares.reserve(shop.reserve_request(account, "used")))
        nothing = Quoted("quote_nothing")

        bad = shop.reserve_request(account, "r", work=nothing, ttl_seconds=0)
        assert await shop.fares.reserve(bad) == NotFound("quote")
        known = shop.reserve_request(account, "used", work=nothing)
        assert await shop.fares.reserve(known) == IdempotencyConflict("used")

    async def test_work_that_has_no_price_gets_no_quote(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        for line, refusal in ((a_line("nothing"), UnknownModel), (a_line("picture", steps=0), InvalidParams)):
            outcome = await shop.fares.quote(EstimateRequest(shop.tenant_id, (line,), account))
            assert isinstance(outcome, refusal)
        assert isinstance(await shop.fares.quote(EstimateRequest(shop.tenant_id, 0, account)), InvalidInput)
        assert await value_of(database, "SELECT count(*) FROM quote") == 0


class TestBalanceAndFreezingAreJudgedAnew:
    async def test_a_quote_is_given_although_the_account_is_short(self, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account, a_line("upscale", 7))
        assert quote.estimated.blockers == (InsufficientTokens(56 * MICROS, 50 * MICROS),)

        assert await reserved(shop, account, "r", quote) == InsufficientTokens(56 * MICROS, 50 * MICROS)
        await shop.grants.grant_tokens(shop.grant_request(account, "g", 6))
        held(await reserved(shop, account, "r", quote))

    async def test_a_frozen_account_starts_nothing(self, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account)
        await shop.accounts.update(shop.tenant_id, account, frozen=True)

        assert await reserved(shop, account, "r", quote) == AccountFrozen()
        again = await quoted(shop, account)
        assert again.estimated.blockers == (AccountFrozen(),)

    async def test_fifty_at_once_get_what_there_is_and_not_a_token_more(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account, a_line())
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(reserved([shop, elsewhere][number % 2], account, f"k{number}", quote) for number in range(50))
            )

        # 50 tokens, 8 for each.
        assert len(of_kind(list(outcomes), HoldEffect)) == 6
        assert len(of_kind(list(outcomes), InsufficientTokens)) == 44
        balance = await shop.reads.balance(shop.tenant_id, account)
        assert balance is not None
        assert (balance.available, balance.held) == (2 * MICROS, 48 * MICROS)
        assert await audit(database) == ()

    async def test_fifty_at_once_under_one_key_are_one(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        quote = await quoted(shop, account)
        async with open_shop(database, shop.tenant_id) as elsewhere:
            outcomes = await asyncio.gather(
                *(charged([shop, elsewhere][number % 2], account, "k", quote) for number in range(50))
            )

        effects = [held(outcome) for outcome in outcomes]
        assert sorted(effect.replayed for effect in effects) == [False] + [True] * 49
        assert len({(effect.hold.hold_id, effect.amount) for effect in effects}) == 1


async def test_around_its_end_there_is_one_verdict_by_the_ledgers_clock(database: Database, shop: Shop) -> None:
    """Hundreds at once, before and after: nobody sets tokens aside at or after the end, whoever is refused was late."""
    account = await shop.open(tokens=10_000)
    quote = await quoted(shop, account, amount=1)
    left = (quote.expires_at - await now_of(database, shop)).total_seconds()
    await move_clock(database, shop.tenant_id, left - 0.25)
    async with open_shop(database, shop.tenant_id) as elsewhere:

        async def keep_asking(caller: int) -> list[Any]:
            answers = []
            for number in range(200):
                answers.append(await reserved([shop, elsewhere][caller % 2], account, f"{caller}/{number}", quote))
                if isinstance(answers[-1], QuoteExpired):
                    break
            return answers

        asked = await asyncio.gather(*(keep_asking(caller) for caller in range(8)))

    holds = [answer.hold for answers in asked for answer in answers if isinstance(answer, HoldEffect)]
    assert holds
    assert max(hold.created_at for hold in holds) < quote.expires_at
    assert [answers[-1] for answers in asked] == [QuoteExpired(quote.expires_at)] * 8
    assert sum(len(answers) for answers in asked) == len(holds) + 8


class TestExtending:
    async def test_adds_the_quotes_work_at_its_price(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "h"))).hold
        quote = await quoted(shop, account, a_line("picture"))
        await shop.publish(a_source(picture=30))

        effect = held(await extended(shop, account, "e", hold.hold_id, quote))

        assert effect.hold.amount == 18 * MICROS
        lines = await shop.reads.hold_lines(shop.tenant_id, account, effect.hold)
        assert [(line.model, line.cost) for line in lines] == [("upscale", 8 * MICROS), ("picture", 10 * MICROS)]

    async def test_a_hold_of_another_version_takes_no_quote_but_of_an_amount(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.reserve(shop.reserve_request(account, "h"))).hold
        await shop.publish(a_source(picture=30))
        quote = await quoted(shop, account, a_line("picture"))

        refused = await extended(shop, account, "e", hold.hold_id, quote)

        assert isinstance(refused, InvalidInput)
        assert refused.field == "work.quoteId"
        assert "version 2" in refused.message
        assert "which is 1" in refused.message
        of_amount = await quoted(shop, account, amount=5 * MICROS)
        assert held(await extended(shop, account, "e", hold.hold_id, of_amount)).hold.amount == 13 * MICROS

    async def test_an_ended_hold_is_told_after_an_old_quote(self, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await shop.fares.charge(shop.reserve_request(account, "h"))).hold
        quote = await quoted(shop, account)

        assert await extended(shop, account, "e", hold.hold_id, quote) == HoldNotOpen(HoldState.COMMITTED)
        await shop.clock.advance(shop.tenant_id, MINUTES_15)
        assert await extended(shop, account, "e", hold.hold_id, quote) == QuoteExpired(quote.expires_at)
        assert await extended(shop, account, "e", 4_711, quote) == NotFound("hold")


class TestOldOnes:
    async def test_are_deleted_a_week_after_their_end_and_not_before(self, database: Database, shop: Shop) -> None:
        account = await shop.open()
        hold = held(await reserved(shop, account, "r", await quoted(shop, account))).hold.hold_id
        await quoted(shop, None)
        # A test clock's leap ends a quote, but whoever is late is told so for a real week.
        await shop.clock.advance(shop.tenant_id, 86_400 * 30)
        assert await delete_old_quotes(database) == 0
        await grow_old(database, seconds=MINUTES_15 + quotes.KEPT_SECONDS - 60)
        assert await delete_old_quotes(database) == 0
        await grow_old(database, seconds=61)
        assert await delete_old_quotes(database) == 2
        assert await value_of(database, "SELECT count(*) FROM quote") == 0
        shown = await shop.reads.hold(shop.tenant_id, account, hold)
        assert shown is not None
        assert [line.cost for line in await shop.reads.hold_lines(shop.tenant_id, account, shown)] == [10 * MICROS]

    async def test_are_deleted_so_many_in_a_round(
        self, database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotes, "DELETED_MAX", 3)
        for _ in range(7):
            await quoted(shop, None)
        await grow_old(database, seconds=30 * 86_400)

        rounds = await asyncio.gather(delete_old_quotes(database), delete_old_quotes(database))

        assert rounds == [3, 3]
        assert [await delete_old_quotes(database) for _ in range(2)] == [1, 0]

    async def test_are_deleted_by_nobody_else_and_changed_by_nobody(self, database: Database, shop: Shop) -> None:
        await quoted(shop, None)
        for change in ("UPDATE quote SET total = 0", "DELETE FROM quote"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.tenant(shop.tenant_id) as connection:
                    await connection.execute(change)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.administration() as connection:
                await connection.execute("UPDATE quote SET total = 0")


FALLING = """
[[prices]]
name = "Bulk"
category = "image"
dimensions = [{ name = "units", type = "integer", minimum = 1, maximum = 100, default = 1 }]
[prices.formula]
rates = [{ of = ["units"], tokens = 2, per = 1 }]
multipliers = [{ dimension = "units", ranges = [{ up_to = 10, times = 1 }, { times = 0.5 }] }]
"""


async def now_of(database: Database, shop: Shop) -> Any:
    return await value_of(
        database,
        "SELECT clock_timestamp() + clock_offset_micros * interval '1 microsecond' FROM tenant WHERE id = $1",
        shop.tenant_id,
    )


async def captured(database: Database) -> list[asyncpg.Record]:
    return await rows_of(database, "SELECT * FROM captured_line ORDER BY version")


async def forget_all_quotes(database: Database) -> None:
    async with database.owner() as connection:
        await connection.execute("SET row_security = off; DELETE FROM quote")


async def grow_old(database: Database, *, seconds: int) -> None:
    async with database.owner() as connection:
        await connection.execute("UPDATE quote SET kept_until = kept_until - $1 * interval '1 second'", seconds)
