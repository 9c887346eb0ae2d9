"""Making tenants."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.api_key import ApiKey
from models.database import Database
from models.price_book import PriceBookVersion
from models.tenant import Tenant, TenantMode
from rules.pricing.refusals import InvalidInput
from services.credentials import Credentials
from services.price_books import PriceBooks, PriceBookUnreadable
from services.shipped_price_books import SHIPPED_FOLDER, ShippedPriceBooks
from services.tenants import CreatedTenant, Tenants

BOOK = (
    'slug = "small"\nname = "Small"\ncurrency = "usd"\nprices = [{ name = "Work", category = "image", tokens = 3 }]\n'
)


@pytest.fixture
def shipped(tmp_path: Path) -> ShippedPriceBooks:
    (tmp_path / "small.toml").write_text(BOOK)
    (tmp_path / "broken.toml").write_text('slug = "broken"')
    (tmp_path / "notes.txt").write_text("not a price book")
    return ShippedPriceBooks(tmp_path)


@pytest.fixture
def tenants(database: Database, shipped: ShippedPriceBooks) -> Tenants:
    return Tenants(database, shipped)


async def a_new_tenant(tenants: Tenants, *, slug: str = "acme", name: str = "Acme") -> CreatedTenant | InvalidInput:
    return await tenants.create_tenant(slug=slug, name=name, mode=TenantMode.TEST, price_book="small")


async def test_a_tenant_comes_with_a_key_and_its_price_book(database: Database, tenants: Tenants) -> None:
    created = await a_new_tenant(tenants)
    assert isinstance(created, CreatedTenant)
    assert created.secret_key.startswith("fbx_secret_test_")
    principal = await Credentials(database, root_key="root").authenticate(created.secret_key)
    assert principal is not None
    assert (principal.tenant_id, principal.tenant_slug, principal.key_id) == (
        created.tenant_id,
        "acme",
        created.key_id,
    )
    published = await PriceBooks(database).current(created.tenant_id)
    assert (published.version, published.book.slug) == (1, "small")
    async with database.tenant(created.tenant_id):
        assert (await PriceBookVersion.get()).source == BOOK


async def test_its_key_is_not_in_its_representation(tenants: Tenants) -> None:
    created = await a_new_tenant(tenants)
    assert isinstance(created, CreatedTenant)
    assert created.secret_key not in repr(created)


async def test_a_slug_is_given_once_also_when_several_ask_at_once(database: Database, tenants: Tenants) -> None:
    answers = await asyncio.gather(*(a_new_tenant(tenants) for _ in range(4)))
    assert sum(isinstance(answer, CreatedTenant) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, InvalidInput)]
    assert [answer.field for answer in refused] == ["slug"] * 3
    async with database.administration():
        assert await Tenant.all().count() == await ApiKey.all().count() == await PriceBookVersion.all().count() == 1


@pytest.mark.parametrize(
    "slug",
    ["", "A", "acme_", "-acme", "acme-", "a--b", "a b", "ä", "a\n", "a/../b", "x" * 64, "\x00", "\ud800"],
    ids=range(13),
)
async def test_a_slug_is_words_joined_by_hyphens(tenants: Tenants, slug: str) -> None:
    answer = await a_new_tenant(tenants, slug=slug)
    assert isinstance(answer, InvalidInput)
    assert answer.field == "slug"


@pytest.mark.parametrize("slug", ["a", "0", "acme", "a-b-c", "x" * 63])
async def test_such_slugs_are_fine(tenants: Tenants, slug: str) -> None:
    assert isinstance(await a_new_tenant(tenants, slug=slug), CreatedTenant)


async def test_a_name_must_be_text(tenants: Tenants) -> None:
    answer = await a_new_tenant(tenants, name="\x00")
    assert isinstance(answer, InvalidInput)
    assert answer.field == "name"


@pytest.mark.parametrize("price_book", ["", "none", "../small", "notes", "small.toml"])
async def test_a_price_book_is_one_of_those_that_are_there(tenants: Tenants, price_book: str) -> None:
    answer = await tenants.create_tenant(slug="a", name="A", mode=TenantMode.LIVE, price_book=price_book)
    assert answer == InvalidInput("priceBook", "must be one of: broken, small")


async def test_a_shipped_price_book_with_faults_makes_no_tenant(database: Database, tenants: Tenants) -> None:
    with pytest.raises(PriceBookUnreadable, match="broken"):
        await tenants.create_tenant(slug="a", name="A", mode=TenantMode.LIVE, price_book="broken")
    async with database.administration():
        assert await Tenant.all().count() == 0


def test_the_shipped_books_are_those_of_the_repository() -> None:
    assert "node-studio" in ShippedPriceBooks().slugs()
    assert Path(__file__).parents[2] / "pricebooks" == SHIPPED_FOLDER
