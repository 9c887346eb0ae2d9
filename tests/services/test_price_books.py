"""Which price book is in force, and what asking costs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models.database import Database
from models.tenant import Tenant, TenantMode
from rules.pricing.tokens import MICROS
from services.price_books import IN_FORCE_SECONDS, PriceBookMissing, PriceBooks, PublishedBook
from services.publishing import Publication, Publishing

TenantBuilder = Callable[..., Awaitable[Tenant]]
Publish = Callable[..., Awaitable[PublishedBook]]


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.seconds = time.monotonic()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def price_books(database: Database, clock: Clock) -> PriceBooks:
    return PriceBooks(database, monotonic=clock)


def a_source(tokens: int) -> str:
    return (
        f'slug = "small"\nname = "Small"\ncurrency = "usd"\n'
        f'prices = [{{ name = "Work", category = "image", tokens = {tokens} }}]\n'
    )


def tokens_of(published: PublishedBook) -> int:
    return published.book.prices_by_model["work"].bounds.least_micros // MICROS


@pytest.fixture
def publish(database: Database, price_books: PriceBooks) -> Publish:
    """Publishes a book whose only price is of so many tokens, in the process of `price_books`."""
    publishing = Publishing(database, price_books)

    async def published(tenant_id: UUID, tokens: int, effective_at: datetime | None = None) -> PublishedBook:
        publication = await publishing.publish(tenant_id, a_source(tokens), effective_at=effective_at)
        assert isinstance(publication, Publication)
        return publication.published

    return published


async def move_clock(database: Database, tenant: Tenant, by: timedelta) -> None:
    async with database.administration():
        await Tenant.filter(id=tenant.id).update(clock_offset_micros=by // timedelta(microseconds=1))


async def test_what_is_published_is_in_force_at_once(
    price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant()
    first = await publish(tenant.id, 3)
    assert (first.version, tokens_of(first)) == (1, 3)
    assert first.effective_at == first.published_at
    assert await price_books.current(tenant.id) == first
    second = await publish(tenant.id, 5)
    assert second.version == 2
    assert await price_books.current(tenant.id) == second


async def test_old_versions_stay_readable(
    database: Database, price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    tenant, other = await a_tenant(), await a_tenant()
    first = await publish(tenant.id, 3)
    await publish(tenant.id, 5)
    for books in (price_books, PriceBooks(database)):
        assert await books.at_version(tenant.id, 1) == first
        assert await books.at_version(tenant.id, 3) is None
        assert await books.at_version(other.id, 1) is None


async def test_a_tenant_without_a_book_is_a_fault_of_the_server(
    price_books: PriceBooks, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant()
    with pytest.raises(PriceBookMissing):
        await price_books.current(tenant.id)


async def test_the_currency_is_that_of_the_version_in_force_or_unknown(
    price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    tenant, bookless = await a_tenant(), await a_tenant()
    await publish(tenant.id, 5)
    assert await price_books.currency(tenant.id) == "usd"
    assert await price_books.currency(bookless.id) is None


async def test_on_the_hot_path_asking_costs_no_reading(
    database: Database, price_books: PriceBooks, publish: Publish, clock: Clock, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant()
    await publish(tenant.id, 3)
    current = await price_books.current(tenant.id)
    await database.close()
    clock.seconds += IN_FORCE_SECONDS * 0.99
    assert await price_books.current(tenant.id) is current
    assert await price_books.at_version(tenant.id, 1) is current


async def test_another_process_notices_within_a_second(
    database: Database, price_books: PriceBooks, publish: Publish, clock: Clock, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant()
    await publish(tenant.id, 3)
    elsewhere = PriceBooks(database, monotonic=clock)
    assert tokens_of(await elsewhere.current(tenant.id)) == 3
    await publish(tenant.id, 5)
    assert tokens_of(await elsewhere.current(tenant.id)) == 3
    clock.seconds += IN_FORCE_SECONDS
    assert tokens_of(await elsewhere.current(tenant.id)) == 5


async def test_a_later_date_is_kept_by_the_tenants_clock(
    database: Database, price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant(mode=TenantMode.TEST)
    await publish(tenant.id, 3)
    monday = datetime.now(UTC) + timedelta(days=3)
    dated = await publish(tenant.id, 7, effective_at=monday)
    assert dated.effective_at == monday
    assert tokens_of(await price_books.current(tenant.id)) == 3
    await publish(tenant.id, 4)
    assert tokens_of(await price_books.current(tenant.id)) == 4
    await move_clock(database, tenant, timedelta(days=3))
    price_books.clock_moved(tenant.id)
    assert tokens_of(await price_books.current(tenant.id)) == 7


async def test_publishing_is_dated_by_the_tenants_clock(
    database: Database, price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    tenant = await a_tenant(mode=TenantMode.TEST)
    await move_clock(database, tenant, timedelta(days=30))
    published = await publish(tenant.id, 3)
    assert timedelta(days=29) < published.published_at - datetime.now(UTC) < timedelta(days=31)
    assert await price_books.current(tenant.id) == published


async def test_tenants_do_not_share_versions(
    price_books: PriceBooks, publish: Publish, a_tenant: TenantBuilder
) -> None:
    first, second = await a_tenant(), await a_tenant()
    await publish(first.id, 3)
    await publish(second.id, 5)
    assert tokens_of(await price_books.current(first.id)) == 3
    assert tokens_of(await price_books.current(second.id)) == 5
