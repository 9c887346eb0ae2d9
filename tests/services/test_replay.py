"""Replay and margin on a real ledger: what was captured, read in pages from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from fractions import Fraction

import pytest

import services.captured_work
import services.margin
from models.database import Database
from rules.ledger.kinds import OverrunPolicy
from rules.pricing.earnings import NoRate
from rules.pricing.price_book import PriceBook
from rules.pricing.tokens import MICROS
from rules.pricing.toml import read_price_book
from services.margin import MarginReport, Margins, TooMuchWork, report_margin
from services.replay import replay_work
from tests.conftest import TenantBuilder
from tests.services.ledger.cashier import held
from tests.services.shop import Shop, a_line, a_source, open_shop

PACKAGES = """
[[packages]]
id = "small"
name = "Small"
tokens = 100
price_minor_units = 100
"""


def a_sold_book(provider_cost: str = "0.005") -> str:
    """The shop's book with a package at a cent a token, and what the provider charges for each."""
    return f"provider_cost_per_token = {provider_cost}" + a_source(more=PACKAGES)


def a_draft(**changes: int) -> PriceBook:
    book = read_price_book(a_source(**changes))
    assert isinstance(book, PriceBook)
    return book


@pytest.fixture
async def shop(database: Database, a_tenant: TenantBuilder) -> AsyncIterator[Shop]:
    async with open_shop(database, (await a_tenant()).id) as shop:
        yield shop


async def some_work(shop: Shop, name: str = "ann") -> None:
    """Two lines of "picture" (60 and 24), three uses of "upscale", one capture of 5 by amount, one line capped to 4."""
    account = await shop.open(name, tokens=1_000)
    lines = (a_line("picture", steps=50, quality="fine"), a_line("picture", 2, steps=50), a_line("upscale", 3))
    held(await shop.fares.charge(shop.reserve_request(account, "lines", *lines)))
    held(await shop.fares.charge(shop.reserve_request(account, "amount", work=5 * MICROS)))
    hold = held(await shop.fares.reserve(shop.reserve_request(account, "small", work=4 * MICROS))).hold.hold_id
    request = shop.commit_request(account, "small", hold, a_line("upscale"), overrun=OverrunPolicy.CAP)
    held(await shop.fares.commit(request))


async def test_under_the_version_in_force_the_difference_is_zero(shop: Shop) -> None:
    await some_work(shop)

    report = await replay_work(shop.database, shop.tenant_id, 30)

    assert report.version == 1
    assert {model: sums.difference for model, sums in report.replay.models.items()} == {"picture": 0, "upscale": 0}
    assert report.replay.models["picture"].cost_now == 48 * MICROS
    assert report.replay.models["upscale"].uses == 4
    assert (report.replay.by_amount_lines, report.replay.by_amount) == (1, 5 * MICROS)
    assert report.replay.uncharged == 4 * MICROS
    assert report.replay.lines == 5


async def test_each_line_is_compared_with_its_own_version(shop: Shop) -> None:
    await some_work(shop)
    await shop.publish(a_source(picture=20))
    await some_work(shop, "ben")

    report = await replay_work(shop.database, shop.tenant_id, 30)

    assert report.version == 2
    picture = report.replay.models["picture"]
    assert picture.cost_then == (48 + 88) * MICROS
    assert picture.cost_now == 2 * 88 * MICROS


async def test_a_draft_is_tried_without_publishing_it(shop: Shop) -> None:
    await some_work(shop)

    report = await replay_work(shop.database, shop.tenant_id, 30, a_draft(picture=20))

    assert report.version is None
    assert report.replay.models["picture"].difference == 40 * MICROS
    assert report.replay.models["upscale"].difference == 0
    assert (await shop.price_books.current(shop.tenant_id)).version == 1


@pytest.mark.parametrize("page_lines", [1, 2, 5, 6])
async def test_pages_of_any_size_come_to_the_same(shop: Shop, page_lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "ben", "cleo"):
        await some_work(shop, name)
    whole = await replay_work(shop.database, shop.tenant_id, 30)
    monkeypatch.setattr(services.captured_work, "PAGE_LINES", page_lines)
    told: list[tuple[int, int]] = []

    paged = await replay_work(shop.database, shop.tenant_id, 30, progressed=lambda *done: told.append(done))

    assert paged.replay == whole.replay
    assert paged.replay.lines == 15
    assert told[-1] == (15, 15)
    assert [done for done, _ in told] == sorted({min(15, page_lines * page) for page in range(1, len(told) + 1)})


async def test_only_the_last_days_by_the_tenants_clock_are_looked_at(shop: Shop) -> None:
    await some_work(shop)
    await shop.clock.advance(shop.tenant_id, 20 * 86_400)
    await some_work(shop, "ben")

    late = await replay_work(shop.database, shop.tenant_id, 10)
    both = await replay_work(shop.database, shop.tenant_id, 30)

    assert (late.replay.lines, both.replay.lines) == (5, 10)
    assert late.period.until - late.period.since == timedelta(days=10)


async def test_the_work_of_another_tenant_is_not_in_it(shop: Shop, database: Database, a_tenant: TenantBuilder) -> None:
    async with open_shop(database, (await a_tenant()).id) as other:
        await some_work(other)
        report = await replay_work(shop.database, shop.tenant_id, 30)

    assert report.replay.lines == 0


async def test_work_goes_on_while_it_is_replayed(shop: Shop) -> None:
    await some_work(shop)
    account = await shop.open("ben", tokens=100)
    async with shop.database.reader(shop.tenant_id) as connection:
        work = await services.captured_work.CapturedWorkReader.open(connection, shop.tenant_id, 30)
        counted = await work.count()
        held(await shop.fares.charge(shop.reserve_request(account, "beside", a_line())))
        pages = [page async for page in work.pages()]

    assert counted == sum(map(len, pages)) == 5


class TestMargin:
    async def report(self, shop: Shop, package_id: str | None = None) -> MarginReport:
        report = await report_margin(shop.database, shop.tenant_id, 30, package_id)
        assert isinstance(report, MarginReport)
        return report

    async def test_it_has_what_came_in_and_what_the_provider_charged(self, shop: Shop) -> None:
        await shop.publish(a_sold_book())
        await some_work(shop)

        report = await self.report(shop, "small")

        assert report.version == 2
        picture, upscale = report.earnings.models["picture"], report.earnings.models["upscale"]
        assert picture.revenue(report.rate) == 48
        assert picture.provider_cost(report.rate) == 24
        assert picture.margin_percent(report.rate) == 50
        # One of four uses was charged 4 of its 8 tokens, and the provider charges all the same.
        assert upscale.revenue(report.rate) == 28
        assert upscale.provider_cost(report.rate) == 16
        assert report.earnings.models[None].margin(report.rate) is None
        assert report.earnings.total.revenue(report.rate) == 48 + 28 + 5

    async def test_a_refund_takes_back_what_came_in(self, shop: Shop) -> None:
        await shop.publish(a_sold_book())
        account = await shop.open("ann", tokens=100)
        hold = held(await shop.fares.charge(shop.reserve_request(account, "one", a_line()))).hold.hold_id
        held(await shop.fares.refund(shop.refund_request(account, "back", hold)))

        report = await self.report(shop)

        assert report.earnings.total.revenue(report.rate) == 0
        assert report.earnings.total.margin(report.rate) == -4

    async def test_the_cost_is_that_of_the_version_of_each_line(self, shop: Shop) -> None:
        await shop.publish(a_sold_book())
        await some_work(shop)
        await shop.publish(a_sold_book("0.001"))

        report = await self.report(shop)

        assert report.earnings.models["picture"].provider_cost(report.rate) == Fraction(24)

    async def test_a_request_looks_at_so_many_lines_and_no_more(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shop.publish(a_sold_book())
        await some_work(shop)
        margins = Margins(shop.database)

        within = await margins.report(shop.tenant_id, 30, "small")
        assert isinstance(within, MarginReport)
        assert within.earnings == (await self.report(shop, "small")).earnings
        monkeypatch.setattr(services.margin, "REQUEST_LINES_MAX", 4)
        assert await margins.report(shop.tenant_id, 30, "small") == TooMuchWork(5)

    async def test_without_a_rate_it_says_which_there_are(self, shop: Shop) -> None:
        assert await report_margin(shop.database, shop.tenant_id, 30) == NoRate(None, ())
        await shop.publish(a_sold_book())
        assert await report_margin(shop.database, shop.tenant_id, 30, "large") == NoRate("large", ("small",))
